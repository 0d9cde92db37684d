/** Changes of the running configuration under load: what they do not concern goes on. */
import assert from "node:assert/strict";
import { ImapClient } from "../support/imap_client.ts";
import { freePorts } from "../support/ports.ts";
import { ALICE, Stage } from "../support/stage.ts";
import { within } from "../support/wait.ts";

const SESSIONS = 200;
/** Clients that connect all the time. */
const KNOCKERS = 8;
/** Connections that are awaited before and behind each move. */
const ENOUGH = 60;

/** Change what `path` says; must succeed. */
async function change(
  stage: Stage,
  method: string,
  path: string,
  value?: unknown,
): Promise<void> {
  const body = JSON.stringify(value);
  const { status, body: answer } = await stage.proxy.admin(
    method,
    `/config/${path}`,
    { body },
  );
  assert.equal(status, 200, answer);
}

interface Address {
  readonly hostname: string;
  readonly port: number;
}

const textOf = ({ hostname, port }: Address) => `${hostname}:${port}`;

/** Clients that connect all the time where the listener is, and where it is going to be when it is not. */
class Knockers {
  readonly failures: string[] = [];
  /** Greetings at each address. */
  readonly #counts: number[];
  #stopped = false;
  readonly #running: Promise<void>[];
  #wake = Promise.withResolvers<void>();

  constructor(
    private readonly addresses: readonly Address[],
    private readonly connect = (at: Address) => ImapClient.plain(at),
  ) {
    this.#counts = addresses.map(() => 0);
    this.#running = Array.from({ length: KNOCKERS }, () => this.#run());
  }

  /** Resolves when so many more were greeted at an address. */
  async more(address: number, count: number): Promise<void> {
    const wanted = this.#counts[address]! + count;
    while (this.#counts[address]! < wanted && this.failures.length === 0) {
      await within("greetings", this.#wake.promise);
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#running);
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      await this.#knock().catch((error) => this.failures.push(`${error}`));
      this.#wake.resolve();
      this.#wake = Promise.withResolvers();
    }
  }

  async #knock(): Promise<void> {
    for (const [i, address] of this.addresses.entries()) {
      try {
        using client = await this.connect(address);
        assert.match(client.greeting, /^\* OK /);
        this.#counts[i]!++;
        return;
      } catch (error) {
        const isLast = i === this.addresses.length - 1;
        if (isLast || !(error instanceof Deno.errors.ConnectionRefused)) {
          throw new Error(`${textOf(address)}: ${error}`);
        }
      }
    }
  }
}

const MOVES: [
  what: string,
  from: string,
  to: string,
  samePort: boolean,
  /** Where clients find it all the time, in place of both in turn. */
  throughout?: string,
][] = [
  ["to another port", "127.0.0.1", "127.0.0.1", false],
  ["to another address", "127.0.0.1", "127.0.0.2", true],
  ["to all addresses", "127.0.0.1", "0.0.0.0", true, "127.0.0.1"],
  ["to one address of all", "0.0.0.0", "127.0.0.1", true, "127.0.0.1"],
];

for (const [what, from, to, samePort, throughout] of MOVES) {
  Deno.test(`a listener moves ${what} without a refused connection`, async () => {
    await using stage = await Stage.create({
      config: { server: { threads: 2 } },
    });
    using session = await stage.loggedIn(ALICE);
    for (let round = 0; round < 3; round++) {
      const [first = 0, second = 0] = freePorts(2);
      const before = { hostname: from, port: first };
      const after = { hostname: to, port: samePort ? first : second };
      await change(stage, "PATCH", "listener/imap/bind", [textOf(before)]);
      const addresses = throughout === undefined
        ? [before, after]
        : [{ hostname: throughout, port: first }];
      const knockers = new Knockers(addresses);
      await knockers.more(0, ENOUGH);
      await change(stage, "PATCH", "listener/imap/bind", [textOf(after)]);
      await knockers.more(addresses.length - 1, ENOUGH);
      await knockers.stop();
      assert.deepEqual(knockers.failures, []);
    }
    assert.equal((await session.transact("NOOP")).status, "OK");
  });
}

Deno.test("certificates are replaced without a refused connection", async () => {
  await using stage = await Stage.create({
    config: { server: { threads: 2 } },
  });
  const { proxy, ground } = stage;
  const { port } = proxy.listener("imaps");
  const other = await ground.authority.issue(["127.0.0.1"], { file: "other" });
  const knockers = new Knockers(
    [{ hostname: "127.0.0.1", port }],
    (at) => ImapClient.tls(at, proxy.ca),
  );
  for (let round = 0; round < 6; round++) {
    await knockers.more(0, ENOUGH / 2);
    const { certFile: cert, keyFile: key } = round % 2 === 0
      ? other
      : ground.certificate;
    await change(stage, "PATCH", "tls/certificate/main", {
      cert,
      key,
      default: true,
    });
  }
  await knockers.more(0, ENOUGH);
  await knockers.stop();
  assert.deepEqual(knockers.failures, []);
});

Deno.test(`${SESSIONS} sessions outlive every edit that is not about them, their listener and destination taken away at last`, async () => {
  await using stage = await Stage.create({
    config: { server: { threads: 2 } },
  });
  const { proxy } = stage;
  const clients: ImapClient[] = [];
  while (clients.length < SESSIONS) {
    clients.push(
      ...await Promise.all(
        Array.from({ length: 20 }, () => stage.loggedIn(ALICE)),
      ),
    );
  }
  const alive = async (what: string) => {
    assert.equal(stage.old.openSessions(ALICE).length, SESSIONS, what);
    for (const client of clients) {
      assert.equal((await client.transact("NOOP")).text, "NOOP old", what);
    }
  };
  const [port = 0] = freePorts(1);
  const other = await stage.ground.authority.issue(["127.0.0.1"], {
    file: "other",
  });
  const edits: [method: string, path: string, value?: unknown][] = [
    ["PUT", "server/proxy_ttl", 9],
    ["PUT", "server/bridge_idle", "1h"],
    ["PUT", "capabilities/imap", { banner: "hello" }],
    ["PUT", "limits/connections_per_account", { imap: SESSIONS / 2 }],
    ["PUT", "limits/connections_per_address", { imap: SESSIONS / 2 }],
    ["PUT", "listener/imap/max_connections", 5],
    ["PUT", "listener/imaps/max_connections", SESSIONS / 2],
    ["PUT", "listener/extra", {
      protocol: "imap",
      tls: "implicit",
      bind: [`127.0.0.1:${port}`],
    }],
    ["DELETE", "listener/imap"],
    ["PATCH", "destination/new/host", "localhost"],
    ["PATCH", "destination/old/host", "localhost"],
    ["PATCH", "destination/old/protocol/imap/port", stage.new_.port],
    ["PATCH", "tls/certificate/main/cert", other.certFile],
    ["PATCH", "tls/certificate/main", {
      cert: other.certFile,
      key: other.keyFile,
      default: true,
    }],
    ["PUT", "acl/nobody", { entries: ["0.0.0.0/0"] }],
    ["PUT", "listener/imaps/allow", []],
    ["PUT", "listener/imaps/deny", ["nobody"]],
    ["PUT", "mapping/normalize", "lowercase"],
    ["PATCH", "routing/default_destination", "new"],
    ["DELETE", "listener/imaps"],
  ];
  await alive("before");
  for (const [method, path, value] of edits) {
    const { status, body } = await proxy.admin(method, `/config/${path}`, {
      body: JSON.stringify(value),
    });
    // A certificate without its key is refused, which closes nothing either.
    const isRefused = path.endsWith("/cert");
    assert.equal(status, isRefused ? 400 : 200, `${method} ${path}: ${body}`);
    await alive(`${method} ${path}`);
  }
  assert.equal((await proxy.sessions()).length, SESSIONS);
  for (const client of clients) client.close();
  await proxy.empty();
});
