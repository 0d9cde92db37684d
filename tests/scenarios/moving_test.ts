/**
 * A moved account must never land, or stay, on the old server, whatever stage its logins were in when
 * the mapping changed.
 */
import assert from "node:assert/strict";
import { FakeImapBackend, type Fault } from "../support/fake_imap_backend.ts";
import type { ImapClient } from "../support/imap_client.ts";
import { ALICE, login, Stage } from "../support/stage.ts";
import { Gate, pause, until, within } from "../support/wait.ts";

const ACCOUNTS = ["ann", "ben", "cat"].map((name) => `${name}@example.com`);
const LOGINS_AT_ONCE = 4;
const MOVES = 25;

/** What the mover knows of an account, for the clients to judge what they see. */
interface Whereabouts {
  server: "old" | "new";
  /** Goes up when a move begins and when its kick has returned: odd while one is under way. */
  epoch: number;
}

for (const threads of [1, 4]) {
  Deno.test(`accounts moved in a loop are never served by the wrong server (threads = ${threads})`, async () => {
    const mappings = Object.fromEntries(ACCOUNTS.map((a) => [a, "old"]));
    await using stage = await Stage.create({
      config: { server: { threads, log_level: "info" } },
      old: { tls: "starttls" },
      new: { tls: "starttls" },
      mappings,
    });
    for (const backend of [stage.old, stage.new_]) slowDown(backend);
    const where = new Map<string, Whereabouts>(
      ACCOUNTS.map((a) => [a, { server: "old", epoch: 0 }]),
    );
    const wrong: string[] = [];
    let logins = 0;
    let stopped = false;
    const clients = ACCOUNTS.flatMap((account) =>
      Array.from({ length: LOGINS_AT_ONCE }, async (_, index) => {
        while (!stopped) {
          using client = await stage.client();
          const reply = await client.transact(login(account));
          if (reply.status !== "OK") continue;
          logins++;
          // Some leave soon, some stay in their session until they are kicked.
          const requests = index % 2 === 0 ? 2 : 1000;
          await useUntilKicked(client, where.get(account)!, requests, wrong);
        }
      })
    );

    const moves = Promise.all(ACCOUNTS.map(async (account) => {
      const now = where.get(account)!;
      for (let i = 0; i < MOVES; i++) {
        const seen = logins;
        await until("logins before a move", () => logins >= seen + 3);
        const to = now.server === "old" ? "new" : "old";
        const left = now.server === "old" ? stage.old : stage.new_;
        now.epoch++;
        await stage.proxy.move(account, to);
        await stage.proxy.kick(account);
        now.server = to;
        now.epoch++;
        await until(
          `no session of ${account} on ${left.options.name}`,
          () => left.openSessions(account).length === 0,
        );
        // None arrives late either, while others of the account come in.
        const then = logins;
        await until("logins after a move", () => logins >= then + 3);
        await until(
          `no late session of ${account} on ${left.options.name}`,
          () => left.openSessions(account).length === 0,
        );
      }
    })).finally(() => stopped = true).then(async () => {
      for (const account of ACCOUNTS) await stage.proxy.kick(account);
    });
    for (const result of await Promise.allSettled([moves, ...clients])) {
      if (result.status === "rejected") throw result.reason;
    }
    assert.deepEqual(wrong, []);
    await stage.proxy.empty();
  });
}

/**
 * Talk to the server until the session ends. An answer to a request that was sent and answered with no
 * move under way must come from the server that the account is on.
 */
async function useUntilKicked(
  client: ImapClient,
  now: Whereabouts,
  requests: number,
  wrong: string[],
): Promise<void> {
  for (let i = 0; i < requests; i++) {
    const { epoch } = now;
    let answer;
    try {
      answer = await client.transact("NOOP");
    } catch {
      return;
    }
    if (answer.status === "") return;
    if (epoch % 2 === 0 && epoch === now.epoch) {
      if (answer.text !== `NOOP ${now.server}`) {
        wrong.push(`${answer.text} instead of ${now.server}`);
        return;
      }
    }
    await pause(4);
  }
}

/** Small random delays in every stage, so that moves meet logins everywhere. */
function slowDown(backend: FakeImapBackend): void {
  const delay = (): Fault => ({ kind: "delay", ms: Math.random() * 25 });
  backend.faults = {
    accept: delay,
    greeting: delay,
    starttls: delay,
    auth: delay,
    bridge: delay,
  };
}

for (
  const where of ["accept", "greeting", "starttls", "tls", "auth"] as const
) {
  Deno.test(`a login that hangs in ${where} while its account is moved and kicked does not stay`, async () => {
    await using stage = await Stage.create({ old: { tls: "starttls" } });
    using gate = new Gate();
    stage.old.faults = { [where]: { kind: "gate", gate } };
    using client = await stage.client();
    await client.send(`m1 ${login(ALICE)}\r\n`);
    await within("the login's arrival", gate.reached);
    await stage.proxy.move(ALICE, "new");
    assert.equal(await stage.proxy.kick(ALICE), 1);
    gate.open();
    const reply = await client.reply("m1");
    assert.notEqual(reply.status, "OK");
    await until(
      "an empty old server",
      () => stage.old.openSessions().length === 0,
    );
    using again = await stage.loggedIn(ALICE);
    assert.equal((await again.transact("NOOP")).text, "NOOP new");
  });

  Deno.test(`a login that hangs in ${where} while its account is moved without a kick does not land`, async () => {
    await using stage = await Stage.create({ old: { tls: "starttls" } });
    using gate = new Gate();
    stage.old.faults = { [where]: { kind: "gate", gate } };
    using client = await stage.client();
    await client.send(`m1 ${login(ALICE)}\r\n`);
    await within("the login's arrival", gate.reached);
    await stage.proxy.move(ALICE, "new");
    gate.open();
    const reply = await client.reply("m1");
    assert.notEqual(reply.status, "OK");
    await until(
      "an empty old server",
      () => stage.old.openSessions().length === 0,
    );
    client.close();
    assert.equal((await stage.proxy.ended(client)).reason, "moved");
  });
}

Deno.test("logins held by a delay are looked up after it and land on the new server", async () => {
  await using stage = await Stage.create({
    config: { server: { threads: 2 } },
  });
  const delay = (seconds: number) =>
    stage.proxy.ask(
      "POST",
      `/connections/delay?identifier=${ALICE}&seconds=${seconds}`,
    );
  // A route that is cached already must not be used either.
  (await stage.loggedIn(ALICE)).close();
  assert.equal(await delay(60), "ok\n");
  const held = await Promise.all(
    Array.from({ length: 6 }, async () => {
      const client = await stage.client();
      await client.send(`h ${login(ALICE)}\r\n`);
      return client;
    }),
  );
  await until("six held logins", async () => {
    const sessions = await stage.proxy.sessions();
    return sessions.filter((s) => s.stage === "hold").length === 6;
  });
  const dialled = stage.old.connections.length;
  await stage.proxy.move(ALICE, "new");
  await delay(0);
  for (const client of held) {
    assert.match((await client.reply("h")).text, /logged in to new/);
    client.close();
  }
  assert.equal(stage.old.connections.length, dialled);
});

Deno.test("a delay ends by itself", async () => {
  await using stage = await Stage.create();
  await stage.proxy.ask(
    "POST",
    `/connections/delay?identifier=${ALICE}&seconds=1`,
  );
  using client = await stage.loggedIn(ALICE);
  assert.equal((await client.transact("NOOP")).text, "NOOP old");
});

Deno.test("a kick reaches held sessions, and too many held logins of an account are refused", async () => {
  await using stage = await Stage.create();
  await stage.proxy.ask(
    "POST",
    `/connections/delay?identifier=${ALICE}&seconds=60`,
  );
  const held: ImapClient[] = [];
  for (let i = 0; i < 32; i++) {
    const client = await stage.client();
    held.push(client);
    await client.send(`h ${login(ALICE)}\r\n`);
  }
  await until("32 held logins", async () => {
    const sessions = await stage.proxy.sessions();
    return sessions.filter((s) => s.stage === "hold").length === 32;
  });
  using over = await stage.client();
  const { status, text } = await over.transact(login(ALICE));
  assert.deepEqual([status, text.slice(0, 13)], ["NO", "[UNAVAILABLE]"]);
  assert.equal(await stage.proxy.kick(ALICE), 32);
  for (const client of held) {
    assert.notEqual((await client.reply("h")).status, "OK");
    client.close();
  }
  assert.equal(stage.old.connections.length, 0);
});
