/** Accounts moved with all their names and sessions in one call, over the built file. */
import assert from "node:assert/strict";
import { Disk } from "../support/disk.ts";
import { FakeImapBackend, type Fault } from "../support/fake_imap_backend.ts";
import { ImapClient } from "../support/imap_client.ts";
import { Mailferry } from "../support/mailferry.ts";
import { destination, Ground } from "../support/proxy_config.ts";
import { needs } from "../support/requirements.ts";
import { login, Stage } from "../support/stage.ts";
import { Gate, pause, until, within } from "../support/wait.ts";

interface Answer {
  readonly change: string | null;
  readonly dry_run: boolean;
  readonly problem: string | null;
  readonly accounts: readonly {
    readonly identifier: string;
    readonly result: string;
    readonly previous: Record<string, string | null>;
    readonly now: Record<string, string | null>;
    readonly kicked: number;
  }[];
}

async function call(
  { proxy }: Pick<Stage, "proxy">,
  path: string,
  body?: unknown,
): Promise<Answer & { status: number }> {
  const { status, body: text } = await proxy.admin("POST", path, {
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  assert.equal(text.startsWith("{"), true, `${status} ${text}`);
  return { status, ...JSON.parse(text) };
}

/** Each account is `[name, ...aliases]`. */
const move = (
  stage: Pick<Stage, "proxy">,
  accounts: readonly (readonly string[])[],
  destination: string,
  more = {},
) =>
  call(stage, "/accounts/move", {
    accounts: accounts.map(([identifier, ...aliases]) => ({
      identifier,
      aliases,
    })),
    destination,
    ...more,
  });

const results = ({ accounts }: Answer) => accounts.map(({ result }) => result);

Deno.test("fifty accounts moved in a loop: after the answer no login comes out at the old server", async () => {
  const names = Array.from({ length: 50 }, (_, i) => `user${i}@example.com`);
  const accounts = names.map((name) => [name, name.split("@")[0]!]);
  await using stage = await Stage.create({
    mappings: Object.fromEntries(accounts.flat().map((name) => [name, "old"])),
    config: { server: { threads: 2 } },
  });
  const delay = (): Fault => ({ kind: "delay", ms: Math.random() * 20 });
  for (const backend of [stage.old, stage.new_]) {
    backend.faults = { accept: delay, greeting: delay, auth: delay };
  }
  /** Odd while a move is under way. */
  let epoch = 0;
  let at = "old";
  let logins = 0;
  let stopped = false;
  const wrong: string[] = [];
  const clients = Array.from({ length: 16 }, async (_, index) => {
    for (let i = index; !stopped; i += 7) {
      const begun = epoch;
      const name = accounts[i % accounts.length]![i % 2]!;
      using client = await stage.client();
      const { status, text } = await client.transact(login(name));
      if (status !== "OK") {
        assert.match(`${status} ${text}`, /^NO \[UNAVAILABLE\]/);
        continue;
      }
      logins++;
      if (begun % 2 === 0 && begun === epoch && !text.endsWith(at)) {
        wrong.push(`${name}: ${text} instead of ${at}`);
      }
      // Some stay until they are ended.
      const stays = index % 4 === 0 ? 1000 : 1;
      for (let n = 0; n < stays && !stopped; n++) {
        const noop = await client.transact("NOOP").catch(() => null);
        if (noop?.status !== "OK") break;
        await pause(5);
      }
    }
  });
  const moves = (async () => {
    for (let round = 0; round < 6; round++) {
      const seen = logins;
      await until("logins before a move", () => logins >= seen + 15);
      const to = at === "old" ? "new" : "old";
      const left = at === "old" ? stage.old : stage.new_;
      epoch++;
      const { status, accounts: moved } = await move(stage, accounts, to);
      assert.equal(status, 200);
      assert.ok(moved.every(({ result }) => result === "moved"));
      at = to;
      epoch++;
      await until(
        `nobody on ${left.options.name}`,
        () => left.openSessions().length === 0,
      );
      const then = logins;
      await until("logins after a move", () => logins >= then + 15);
      assert.equal(left.openSessions().length, 0);
    }
  })().finally(() => stopped = true);
  for (const result of await Promise.allSettled([moves, ...clients])) {
    if (result.status === "rejected") throw result.reason;
  }
  assert.deepEqual(wrong, []);
});

Deno.test("a move reaches sessions in every stage, by every name, and who is held comes out at the destination", async () => {
  await using stage = await Stage.create({
    mappings: { "ann@example.com": "old", ann: "old", bea: "old" },
    config: { server: { threads: 2 } },
  });
  await stage.proxy.ask("POST", "/connections/delay?identifier=bea&seconds=60");
  const bridged = await stage.loggedIn("ann@example.com");
  const alias = await stage.loggedIn("ann");
  using gate = new Gate();
  stage.old.faults = { auth: { kind: "gate", gate } };
  const dialling = await stage.client();
  await dialling.send(`d ${login("ann")}\r\n`);
  await within("the login's arrival", gate.reached);
  const held = await stage.client();
  await held.send(`h ${login("bea")}\r\n`);
  await until(
    "a held login",
    async () =>
      (await stage.proxy.sessions()).some(({ stage }) => stage === "hold"),
  );

  const answer = await move(
    stage,
    [["ann@example.com", "ann"], ["bea"]],
    "new",
  );
  assert.deepEqual(answer.accounts, [
    {
      identifier: "ann@example.com",
      result: "moved",
      previous: { "ann@example.com": "old", ann: "old" },
      now: {},
      kicked: 3,
    },
    {
      identifier: "bea",
      result: "moved",
      previous: { bea: "old" },
      now: {},
      kicked: 0,
    },
  ]);
  gate.open();
  stage.old.faults = {};
  assert.notEqual((await dialling.reply("d")).status, "OK");
  for (const client of [bridged, alias]) {
    assert.equal((await stage.proxy.ended(client)).reason, "moved");
    client.close();
  }
  // The operator's own delay goes on, and ends by itself or by the operator.
  await stage.proxy.ask("POST", "/connections/delay?identifier=bea&seconds=0");
  assert.match((await held.reply("h")).text, /logged in to new/);
  await until(
    "an empty old server",
    () => stage.old.openSessions().length === 0,
  );

  // Again, nothing is to be done, and nobody is ended.
  const again = await move(stage, [["ann@example.com", "ann"], ["bea"]], "new");
  assert.deepEqual(results(again), ["unchanged", "unchanged"]);
  assert.equal(again.change, null);
  assert.equal((await held.transact("NOOP")).text, "NOOP new");

  const undone = await call(stage, `/accounts/move/${answer.change}/undo`);
  assert.deepEqual(results(undone), ["restored", "restored"]);
  assert.equal((await stage.proxy.ended(held)).reason, "moved");
  using back = await stage.loggedIn("ann");
  assert.equal((await back.transact("NOOP")).text, "NOOP old");
  const twice = await stage.proxy.admin(
    "POST",
    `/accounts/move/${answer.change}/undo`,
  );
  assert.deepEqual([twice.status, twice.body], [
    409,
    "the change is undone already\n",
  ]);
  const audits = stage.proxy.log.filter(({ event }) => event === "audit");
  assert.equal(JSON.stringify(audits).includes("ann@example.com"), false);
  for (const client of [dialling, held]) client.close();
});

Deno.test("a login that comes while its account is being moved waits, and comes out at the destination", async () => {
  await using stage = await Stage.create({
    mappings: { ann: "old" },
    config: { server: { threads: 2 } },
  });
  let isDone = false;
  const moving = (async () => {
    for (let i = 0; i < 20; i++) {
      await move(stage, [["ann"]], i % 2 === 0 ? "new" : "old");
    }
    isDone = true;
  })();
  while (!isDone) {
    using client = await stage.client();
    const { status, text } = await client.transact(login("ann"));
    if (status === "OK") continue;
    assert.match(`${status} ${text}`, /^NO \[UNAVAILABLE\]/);
  }
  await moving;
  using client = await stage.loggedIn("ann");
  assert.equal((await client.transact("NOOP")).text, "NOOP old");
});

Deno.test("an undo is refused where somebody has changed an account since, and a dry run changes nothing", async () => {
  await using stage = await Stage.create({
    mappings: { ann: "old", bea: "old" },
  });
  const dry = await move(stage, [["ann"], ["bea"]], "new", { dry_run: true });
  assert.deepEqual(results(dry), ["would-change", "would-change"]);
  assert.equal(
    await Deno.readTextFile(stage.proxy.mappingFile),
    "ann\told\nbea\told\n",
  );
  const { change } = await move(stage, [["ann"], ["bea"]], "new");
  await stage.proxy.move("bea", "old");
  await stage.proxy.move("bea", "new");
  // As the move left it, somehow or other.
  await stage.proxy.ask("DELETE", "/mappings?identifier=bea");
  const refused = await call(stage, `/accounts/move/${change}/undo`);
  assert.equal(refused.status, 409);
  assert.deepEqual(results(refused), ["not-moved", "changed"]);
  assert.deepEqual(refused.accounts[1]!.now, { bea: null });
  assert.equal(
    await Deno.readTextFile(stage.proxy.mappingFile),
    "ann\tnew\n",
  );
});

needs(
  ["mount"],
  "where the disk of the mapping file is full nothing moves, and the answer says so",
  async () => {
    await using ground = await Ground.create();
    const disk = await Disk.mount("64k");
    try {
      await using old = new FakeImapBackend({ name: "old" });
      await using new_ = new FakeImapBackend({ name: "new" });
      await using proxy = await Mailferry.start({
        ground,
        mappings: { ann: "old", bea: "old" },
        config: {
          destination: {
            old: destination(old.port, "plain"),
            new: destination(new_.port, "plain"),
          },
          mapping: { file: { path: `${disk.folder}/mappings` } },
        },
      });
      const client = () => ImapClient.tls(proxy.listener("imaps"), proxy.ca);
      using ann = await client();
      await ann.transact(login("ann"));
      await disk.fill();
      const failed = await move({ proxy }, [["ann"], ["bea"]], "new");
      assert.equal(failed.status, 500);
      assert.deepEqual(results(failed), ["not-moved", "not-moved"]);
      assert.equal(failed.change, null);
      assert.match(failed.problem!, /no space|ENOSPC/i);
      // Her session goes on, and logins are not held.
      assert.equal((await ann.transact("NOOP")).text, "NOOP old");
      using bea = await client();
      assert.match((await bea.transact(login("bea"))).text, /to old$/);
      await disk.empty();
      const moved = await move({ proxy }, [["ann"], ["bea"]], "new");
      assert.deepEqual(results(moved), ["moved", "moved"]);
    } finally {
      await disk[Symbol.asyncDispose]();
    }
  },
);

Deno.test("two moves of an account at once: one wins, and both say what happened", async () => {
  await using stage = await Stage.create({ mappings: { ann: "old" } });
  let conflicts = 0;
  // They need not meet.
  await until("two that meet", async () => {
    await stage.proxy.move("ann", "old");
    const answers = await Promise.all([
      move(stage, [["ann", "a"]], "new"),
      move(stage, [["bea"], ["ann"]], "new"),
    ]);
    const lost = answers.find(({ status }) => status === 409);
    const won = answers.find(({ status }) => status === 200);
    assert.ok(won, JSON.stringify(answers));
    if (lost) {
      conflicts++;
      assert.ok(results(lost).includes("busy"));
      assert.match(lost.problem!, /being moved by another request/);
    }
    return conflicts === 2;
  });
});

Deno.test("ctl moves accounts, one with its aliases or a list, and undoes it", async () => {
  await using stage = await Stage.create({
    mappings: { ann: "old" },
  });
  const { proxy } = stage;
  const ctl = (...args: string[]) => proxy.ctl(...args);
  const dry = await ctl(
    ...["accounts", "move", "ann", "--to", "new", "--dry-run", "--json"],
  );
  assert.equal(dry.code, 0, dry.stderr);
  assert.equal(JSON.parse(dry.stdout).accounts[0].result, "would-change");
  const moved = await ctl(
    ...["accounts", "move", "ann", "--alias", "a", "--alias=b", "--to", "new"],
  );
  assert.equal(moved.code, 0, moved.stderr);
  assert.match(moved.stdout, /^ann +moved +/m);
  assert.equal(
    await Deno.readTextFile(proxy.mappingFile),
    "a\tnew\nann\tnew\nb\tnew\n",
  );
  const id = /^change: +(\S+)$/m.exec(moved.stdout)![1]!;
  const undone = await ctl("accounts", "undo", id);
  assert.match(undone.stdout, /^ann +restored +/m);
  assert.equal(await Deno.readTextFile(proxy.mappingFile), "ann\told\n");
  const wave = `${proxy.ground.folder}/wave`;
  await Deno.writeTextFile(wave, "ann a b\n\n  bea\n");
  const list = await ctl(
    ...["accounts", "move", "--list", wave, "--to", "new", "--json"],
  );
  assert.deepEqual(results(JSON.parse(list.stdout)), ["moved", "moved"]);
  const wrong = await ctl("accounts", "move", "ann", "--to", "nowhere");
  assert.deepEqual([wrong.code, wrong.stderr], [1, "unknown destination\n"]);
  const unknown = await ctl("accounts", "undo", "x");
  assert.deepEqual([unknown.code, unknown.stderr], [3, "unknown change\n"]);
});
