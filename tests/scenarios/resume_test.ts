/** Ends without warning in the middle of changes, and what `run --resume` starts from after them. */
import assert from "node:assert/strict";
import { FakeImapBackend } from "../support/fake_imap_backend.ts";
import { ImapClient } from "../support/imap_client.ts";
import { Mailferry } from "../support/mailferry.ts";
import { destination, Ground, type Table } from "../support/proxy_config.ts";
import { freePorts } from "../support/ports.ts";
import { ask } from "../support/runtime_client.ts";
import { ALICE, login } from "../support/stage.ts";
import { pause, within } from "../support/wait.ts";

/**
 * Ends in the middle of a change, over all lanes. Each costs a start, so this is what fits into the suite;
 * MAILFERRY_SOAK_KILLS=100 is what is run before a release.
 */
const KILLS = Number(Deno.env.get("MAILFERRY_SOAK_KILLS") ?? 25);
const LANES = 3;

/** Numbers of changes: the last that was answered, and the last that was asked for. */
class Progress {
  done = 0;
  asked = 0;
  /** How long the last one took, in milliseconds. */
  took = 0;

  /** One change after the other, until the proxy is gone; resolves `begun` when one was answered. */
  async go(
    change: (n: number) => Promise<boolean>,
    begun: () => void,
  ): Promise<void> {
    for (;;) {
      const start = performance.now();
      const isDone = await change(++this.asked).catch(() => false);
      if (!isDone) return;
      this.done = this.asked;
      this.took = performance.now() - start;
      begun();
    }
  }

  /** What is in force after a restart is what was answered last, or what was asked for behind it. */
  settle(found: number, what: string): void {
    assert.ok(
      found === this.done || found === this.asked,
      `${what}: ${found} after ${this.done}, or ${this.asked}`,
    );
    this.done = this.asked = found;
  }
}

/** A proxy that is started again and again over one state folder. */
class Lane implements AsyncDisposable {
  proxy!: Mailferry;
  readonly config = new Progress();
  readonly override = new Progress();
  /** The same at each start. */
  readonly #bind = [`127.0.0.1:${freePorts(1)[0]}`];

  private constructor(
    private readonly ground: Ground,
    private readonly backend: FakeImapBackend,
  ) {}

  static async create(): Promise<Lane> {
    const backend = new FakeImapBackend({ name: "old" });
    const lane = new Lane(await Ground.create(), backend);
    lane.proxy = await lane.#start(false);
    return lane;
  }

  get state(): string {
    return `${this.ground.folder}/state`;
  }

  async #start(resume: boolean): Promise<Mailferry> {
    return await Mailferry.start({
      ground: this.ground,
      args: resume ? ["run", "--resume"] : [],
      config: {
        server: { state_dir: this.state },
        listener: { imaps: { bind: this.#bind } },
        destination: { old: destination(this.backend.port, "plain") },
        runtime: {
          socket: [{
            path: `${this.ground.folder}/admin.sock`,
            level: "admin",
          }],
        },
      },
    });
  }

  command(line: string): Promise<string> {
    return ask(`${this.ground.folder}/admin.sock`, `${line}\n`);
  }

  async document(): Promise<Table> {
    return JSON.parse(await this.proxy.ask("GET", "/config/"));
  }

  async load(document: Table): Promise<void> {
    const body = JSON.stringify(document);
    const answer = await this.proxy.admin("POST", "/load", { body });
    assert.equal(answer.status, 200, answer.body);
  }

  /** Ends without warning, and starts from what was kept. */
  async die(): Promise<void> {
    this.proxy.signal("SIGKILL");
    await this.proxy.exited;
    await this.proxy[Symbol.asyncDispose]();
  }

  async resume(): Promise<void> {
    this.proxy = await this.#start(true);
  }

  async login(): Promise<void> {
    const { proxy } = this;
    using client = await ImapClient.tls(proxy.listener("imaps"), proxy.ca);
    assert.equal((await client.transact(login(ALICE))).status, "OK");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.proxy[Symbol.asyncDispose]();
    await this.backend[Symbol.asyncDispose]();
    await this.ground[Symbol.asyncDispose]();
  }
}

/** What change number `n` of the configuration says, at both ends of a document that takes a while to write. */
function numbered(document: Table, n: number): Table {
  const { server, listener, acl: _, ...rest } = document;
  const { imap, ...listeners } = listener as Table;
  return {
    server: { ...server as Table, proxy_ttl: n },
    ...rest,
    listener: {
      ...listeners,
      imap: { ...imap as Table, max_connections: n },
    },
    acl: {
      many: {
        entries: Array.from(
          { length: 500 },
          (_, i) => `10.${n % 250}.${i % 250}.0/${24 + i % 8}`,
        ),
      },
    },
  };
}

async function killInTheMiddle(lane: Lane): Promise<void> {
  const document = await lane.document();
  const { proxy } = lane;
  const begun = [lane.config, lane.override].map(() =>
    Promise.withResolvers<void>()
  );
  const changing = [
    lane.config.go(async (n) => {
      const body = JSON.stringify(numbered(document, n));
      const { status } = await proxy.admin("POST", "/load", { body });
      return status === 200;
    }, begun[0]!.resolve),
    lane.override.go(
      async (n) =>
        await lane.command(`set maxconn frontend imaps ${n}`) === "\n",
      begun[1]!.resolve,
    ),
  ];
  await within("changes", Promise.all(begun.map(({ promise }) => promise)));
  // Any moment of a change is as likely as any other.
  await pause(Math.random() * (lane.config.took + lane.override.took));
  await lane.die();
  await Promise.all(changing);

  // Nobody has mended them yet.
  for (const name of ["config.json", "overrides.json"]) {
    JSON.parse(await Deno.readTextFile(`${lane.state}/${name}`));
  }
  await lane.resume();
  const after = await lane.document();
  const { max_connections: n } = (after.listener as Table).imap as Table;
  lane.config.settle(Number(n), "configuration");
  assert.deepEqual(after, numbered(document, Number(n)));
  const { overrides } = JSON.parse(await lane.proxy.ask("GET", "/overrides"));
  lane.override.settle(Number(overrides[0].value), "override");
}

Deno.test(`${KILLS} times SIGKILL in the middle of changes: --resume starts, with all or nothing of each`, async () => {
  let left = KILLS;
  await Promise.all(Array.from({ length: LANES }, async () => {
    await using lane = await Lane.create();
    while (left-- > 0) await killInTheMiddle(lane);
    await lane.login();
  }));
});

Deno.test("an unloaded configuration is the one to resume from, until another is loaded", async () => {
  await using lane = await Lane.create();
  const first = numbered(await lane.document(), 11);
  await lane.load(first);
  await lane.proxy.ask("DELETE", "/config/");
  assert.equal(await lane.proxy.ask("GET", "/config/"), "null\n");
  await assert.rejects(lane.login());
  await lane.die();
  await lane.resume();
  assert.deepEqual(await lane.document(), first);
  await lane.login();

  await lane.proxy.ask("DELETE", "/config/");
  const second = numbered(first, 12);
  await lane.load(second);
  await lane.login();
  await lane.die();
  await lane.resume();
  assert.deepEqual(await lane.document(), second);
  await lane.login();
});
