/** Many accounts moved at once over the runtime socket of the built file. */
import assert from "node:assert/strict";
import { SeededRandom } from "../support/random.ts";
import { ask } from "../support/runtime_client.ts";
import { login, Stage } from "../support/stage.ts";

const ACCOUNTS = Array.from(
  { length: 1000 },
  (_, i) => `user${String(i).padStart(4, "0")}@example.com`,
);

/** Several workers, none of which may be ahead of another. */
const several = (path: string) => ({
  server: { threads: 3 },
  runtime: { socket: [{ path, level: "admin" }] },
});

/** Some clients that log in all the time, as any of the accounts, and where they come out. */
class Clients {
  /** Of the logins in the order of their ends: the turn of its begin, and where it went. */
  readonly logins: { begun: number; to: string }[] = [];
  #stopped = false;
  readonly #running: Promise<void>[];

  constructor(stage: Stage, count: number) {
    this.#running = Array.from(
      { length: count },
      (_, i) => this.#run(stage, new SeededRandom(i)),
    );
  }

  /** Resolves when so many more logins have come through. */
  async more(count: number): Promise<void> {
    const wanted = this.logins.length + count;
    while (this.logins.length < wanted) {
      await Promise.race([
        ...this.#running,
        new Promise((resolve) => setTimeout(resolve, 10)),
      ]);
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#running);
  }

  async #run(stage: Stage, random: SeededRandom): Promise<void> {
    while (!this.#stopped) {
      using client = await stage.client();
      const begun = this.logins.length;
      // Few accounts often, so that their routes are cached, and all of them at times.
      const account =
        ACCOUNTS[random.below(random.below(2) === 0 ? 20 : 1000)]!;
      const { status, text } = await client.transact(login(account));
      const to = /logged in to (\w+)/.exec(text)?.[1];
      if (to !== undefined) this.logins.push({ begun, to });
      // A login that was under way while its account moved may be sent back.
      else assert.match(`${status} ${text}`, /^NO \[UNAVAILABLE\]/);
    }
  }
}

/** When one login has come out at the new place, none that begins behind it comes out at the old one. */
function assertNobodySawHalf(clients: Clients, from: string, to: string) {
  const first = clients.logins.findIndex((login) => login.to === to);
  assert.ok(first >= 0, `nobody came to ${to}`);
  const late = clients.logins.filter((login) =>
    login.begun > first && login.to === from
  );
  assert.deepEqual(late, []);
}

Deno.test("a wave of a thousand mappings is committed at once while clients log in", async () => {
  const mappings = Object.fromEntries(ACCOUNTS.map((name) => [name, "old"]));
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/admin.sock`;
    await using stage = await Stage.create({
      mappings: { ...mappings, "left@example.com": "new" },
      config: several(path),
    });
    const tell = (line: string) => ask(path, `${line}\n`);
    const clients = new Clients(stage, 4);
    await clients.more(50);
    assert.equal(
      await tell("prepare map mappings"),
      "New version created: 1\n\n",
    );
    for (let at = 0; at < ACCOUNTS.length; at += 250) {
      const lines = ACCOUNTS.slice(at, at + 250).map((name) => `${name} new\n`);
      assert.equal(
        await tell(`add map @1 mappings <<\n${lines.join("")}\n`),
        "\n",
      );
    }
    await clients.more(20);
    assert.ok(clients.logins.every((login) => login.to === "old"));
    assert.match(
      await tell("show map"),
      /^0 \(mappings\) .* curr_ver=0 next_ver=1 entry_cnt=2001\n/m,
    );
    assert.equal(await tell("commit map @1 mappings"), "\n");
    const done = clients.logins.length;
    await clients.more(50);
    await clients.stop();
    assertNobodySawHalf(clients, "old", "new");
    const behind = clients.logins.filter((login) => login.begun > done);
    assert.ok(behind.every((login) => login.to === "new"));
    assert.equal(
      await Deno.readTextFile(stage.proxy.mappingFile),
      ACCOUNTS.map((name) => `${name}\tnew\n`).join(""),
    );
    // Who is not in the version has no mapping any more.
    assert.match(await tell("get map mappings left@example.com"), /found=no/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a payload of a thousand mappings is one write, which keeps the others", async () => {
  const mappings = Object.fromEntries(ACCOUNTS.map((name) => [name, "old"]));
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/admin.sock`;
    await using stage = await Stage.create({
      mappings: { ...mappings, "stays@example.com": "old" },
      config: several(path),
    });
    const clients = new Clients(stage, 4);
    await clients.more(30);
    const lines = ACCOUNTS.map((name) => `${name} new\n`).join("");
    assert.equal(await ask(path, `add map mappings <<\n${lines}\n`), "\n");
    await clients.more(30);
    await clients.stop();
    assertNobodySawHalf(clients, "old", "new");
    const text = await Deno.readTextFile(stage.proxy.mappingFile);
    assert.equal(text.match(/\tnew\n/g)!.length, 1000);
    assert.match(text, /^stays@example\.com\told$/m);
    // One that names a destination that there is not changes nothing.
    const wrong = lines.replaceAll("new", "old") + "x@example.com nowhere\n";
    assert.equal(
      await ask(path, `add map mappings <<\n${wrong}\n`),
      "unknown destination 'nowhere'\n\n",
    );
    assert.equal(await Deno.readTextFile(stage.proxy.mappingFile), text);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
