/** Many random changes of both kinds, while people are logged in and others log in. */
import assert from "node:assert/strict";
import type { ImapClient } from "../support/imap_client.ts";
import { freePorts } from "../support/ports.ts";
import { SeededRandom } from "../support/random.ts";
import { Turns } from "../support/random_changes.ts";
import { RuntimeChanges } from "../support/random_commands.ts";
import { ConfigChanges } from "../support/random_edits.ts";
import { ALICE, BOB, login, Stage } from "../support/stage.ts";
import { until } from "../support/wait.ts";

/**
 * Half of them over the configuration API, the others over the runtime socket. This is what fits into the
 * suite; MAILFERRY_SOAK_CHANGES=1000 is what is run before a release.
 */
const CHANGES = Number(Deno.env.get("MAILFERRY_SOAK_CHANGES") ?? 150);
const SEED = Number(Deno.env.get("MAILFERRY_SOAK_SEED") ?? Date.now() % 1e6);
const SESSIONS = 200;
/** Clients that log in all the time. */
const LOGINS = 4;

/**
 * What a process may grow by in two thirds of the changes, in KiB: heaps that are not collected yet, and
 * rings of the log and the audit that fill. A snapshot that each of a thousand changes leaves in each worker
 * is more, since every one has these ranges.
 */
const GROWTH = 80 * 1024;
const RANGES = Array.from(
  { length: 1000 },
  (_, i) => `10.${i >> 8}.${i & 255}.0/24`,
);

/** Clients that log in and out until they are told to stop. */
class Logins {
  count = 0;
  readonly failures: string[] = [];
  #stopped = false;
  readonly #running: Promise<void>[];

  constructor(private readonly stage: Stage) {
    this.#running = Array.from({ length: LOGINS }, () => this.#run());
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#running);
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      await this.#login().catch((error) => this.failures.push(`${error}`));
    }
  }

  async #login(): Promise<void> {
    using client = await this.stage.client();
    const { status, text } = await client.transact(login(ALICE));
    assert.deepEqual([status, /old/.test(text)], ["OK", true], text);
    await client.transact("LOGOUT");
    this.count++;
  }
}

Deno.test(`${CHANGES} random changes through both APIs lose no session and no login, and leave nothing behind (seed ${SEED})`, async () => {
  const folder = await Deno.makeTempDir();
  const socket = `${folder}/admin.sock`;
  const others: Record<string, string> = {};
  for (let i = 0; i < 2000; i++) others[`user${i}@example.com`] = "new";
  const mappings = { ...others, [ALICE]: "old", [BOB]: "new" };
  const timeout = { preauth_timeout: "6s" };
  const stage = await Stage.create({
    mappings,
    config: {
      server: { threads: 2, state_dir: `${folder}/state`, log_level: "info" },
      listener: { imap: timeout, imaps: { ...timeout, deny: ["many"] } },
      acl: { list: { entries: ["192.0.2.0/24"] }, many: { entries: RANGES } },
      runtime: { socket: [{ path: socket, level: "admin" }] },
    },
  });
  await using _ = stage;
  const { proxy } = stage;
  const { ground } = stage;
  const names = ["proxy.test", "localhost", "127.0.0.1"];
  const second = `${ground.folder}/mappings-2`;
  await Deno.copyFile(proxy.mappingFile, second);
  const changes = {
    proxy,
    random: new SeededRandom(SEED),
    socket,
    ports: freePorts(4),
    certificates: [
      ground.certificate,
      await ground.authority.issue(names, { file: "second" }),
    ] as const,
    mappingFiles: [proxy.mappingFile, second] as const,
    turns: new Turns(),
    account: "mover@example.com",
  };
  const config = new ConfigChanges(changes);
  const runtime = new RuntimeChanges(changes);

  const sessions: ImapClient[] = [];
  while (sessions.length < SESSIONS) {
    const some = Array.from({ length: 10 }, async (_, i) => {
      if (i % 2 === 0) return await stage.loggedIn(ALICE);
      const client = await stage.plainClient();
      await client.startTls();
      assert.equal((await client.transact(login(ALICE))).status, "OK");
      return client;
    });
    sessions.push(...await Promise.all(some));
  }

  /** What the process holds when nothing is there but what it began with. */
  const held = async () => {
    await config.tidy();
    await runtime.tidy();
    // Upgrades to TLS may go on with the certificate that they began with, for as long as a login may take.
    let fewest = Infinity;
    let quiet = 0;
    await until("quiet descriptors", () => {
      const now = proxy.descriptors();
      quiet = now < fewest ? 0 : quiet + 1;
      fewest = Math.min(fewest, now);
      return quiet > 500;
    });
    return { descriptors: fewest, memory: proxy.memory() };
  };
  const make = async (count: number) => {
    const logins = new Logins(stage);
    try {
      await Promise.all([config, runtime].map(async (side) => {
        for (let i = 0; i < count / 2; i++) await side.one();
      }));
    } finally {
      await logins.stop();
    }
    assert.deepEqual(logins.failures, []);
    assert.ok(logins.count > 0);
    return logins.count;
  };

  await make(CHANGES / 3);
  const before = await held();
  await make(CHANGES * 2 / 3);
  const after = await held();

  assert.equal(stage.old.openSessions(ALICE).length, SESSIONS);
  for (const client of sessions) {
    assert.equal((await client.transact("NOOP")).text, "NOOP old");
  }
  assert.equal((await proxy.sessions()).length, SESSIONS);
  const report = JSON.stringify({ before, after });
  // Sockets towards the host's own resolver and the like come and go.
  await until(
    `as many descriptors as before, ${report}`,
    () => proxy.descriptors() <= before.descriptors + 4,
  );
  assert.ok(after.memory <= before.memory + GROWTH, report);
  for (const client of sessions) client.close();
  await proxy.empty();
  await Deno.remove(folder, { recursive: true });
});
