import assert from "node:assert/strict";
import {
  DataPlane,
  leg,
  listener,
  snapshot,
} from "../../tests/support/data_plane.ts";
import { nameOf } from "../../tests/support/certs.ts";
import { FakeImapBackend } from "../../tests/support/fake_imap_backend.ts";
import { ImapClient } from "../../tests/support/imap_client.ts";
import { freePorts } from "../../tests/support/ports.ts";
import { Ground } from "../../tests/support/proxy_config.ts";
import { until, within } from "../../tests/support/wait.ts";
import { libc } from "../net/libc.ts";
import type { LegSnapshot, LegTrust } from "../port/snapshot.ts";
import type { LineProtocol, Login } from "../protocols/protocol.ts";
import { ImapFrontend } from "../protocols/imap/front.ts";
import { Secret } from "../sasl/credentials.ts";
import { WorkerCore, type WorkerPort } from "./core.ts";
import { ClientLeg } from "./client_leg.ts";
import { attemptLogin } from "./login.ts";
import { Session } from "./session.ts";

// Loaded for the life of the process; a test must not be charged with it.
libc();

/** A backend that says these words and then nothing, and tells when somebody has come so far. */
class SilentBackend implements Disposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #open = new Set<Deno.TcpConn>();
  /** Connections that are open, by whatever they wait for. */
  get open(): number {
    return this.#open.size;
  }
  readonly port = this.#listener.addr.port;

  constructor(words: string) {
    void this.#run(new TextEncoder().encode(words));
  }

  async #run(words: Uint8Array): Promise<void> {
    for await (const connection of this.#listener) {
      void this.#serve(connection, words);
    }
  }

  async #serve(connection: Deno.TcpConn, words: Uint8Array): Promise<void> {
    this.#open.add(connection);
    try {
      if (words.length > 0) await connection.write(words);
      const into = new Uint8Array(1024);
      while (await connection.read(into) !== null);
    } catch {
      // The proxy broke it off.
    }
    this.#open.delete(connection);
    connection.close();
  }

  [Symbol.dispose](): void {
    this.#listener.close();
  }
}

const GREETING = "* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] hello\r\n";

interface Stage {
  readonly name: string;
  readonly words?: string;
  readonly leg?: Partial<LegSnapshot>;
  readonly arrange?: (plane: DataPlane) => void;
}

const CONTROL_STAGES: readonly Stage[] = [
  {
    name: "hold",
    arrange: (plane) => plane.hold = () => new Promise(() => {}),
  },
  {
    name: "lookup",
    arrange: (plane) => plane.lookup = () => new Promise(() => {}),
  },
];

const BACKEND_STAGES: readonly Stage[] = [
  {
    name: "TLS handshake, verified",
    leg: {
      tls: "implicit",
      trust: { kind: "store", serverName: "b.test", caCerts: [] },
    },
  },
  {
    name: "TLS handshake, pinned",
    leg: {
      tls: "implicit",
      trust: { kind: "pin", serverName: "b.test", sha256: "00" },
    },
  },
  { name: "greeting" },
  { name: "replay", words: GREETING },
];

/** One worker, a backend that hangs, and a client whose login has got as far as the stage says. */
async function inStage(
  stage: Stage,
  more: { backendTimeout?: number },
  test: (
    plane: DataPlane,
    client: ImapClient,
    backend: SilentBackend,
  ) => Promise<void>,
): Promise<void> {
  await using ground = await Ground.create();
  using backend = new SilentBackend(stage.words ?? "");
  const [port] = freePorts(1);
  using plane = await DataPlane.start(
    1,
    snapshot(
      [listener(port!)],
      [leg(backend.port, stage.leg)],
      [ground.certificate],
      more,
    ),
  );
  stage.arrange?.(plane);
  if (stage.name === "hold") {
    await plane.supervisor.ask("hold", {
      identifiers: ["alice"],
      held: true,
    });
  }
  using client = await ImapClient.plain({ port: port! });
  await client.send("a1 LOGIN alice secret\r\n");
  const expected = CONTROL_STAGES.includes(stage) ? stage.name : undefined;
  await until(`in stage ${stage.name}`, async () => {
    await plane.supervisor.ask("flush", null);
    return expected === undefined
      ? backend.open > 0
      : plane.registry.list({})[0]?.identifier === "alice";
  });
  await test(plane, client, backend);
  await until("the leg is closed", () => backend.open === 0);
}

for (const stage of [...CONTROL_STAGES, ...BACKEND_STAGES]) {
  Deno.test(`a kick reaches a login in its ${stage.name}`, async () => {
    await inStage(stage, {}, async (plane, client) => {
      const kicked = await plane.supervisor.ask("kick", {
        target: { account: "alice" },
        reason: "kicked",
      });
      assert.deepEqual(kicked, [1]);
      assert.match(await client.line(), /^a1 NO \[UNAVAILABLE\]/);
      assert.equal(await client.lineOrEnd(), null);
      assert.equal((await plane.ended(client.localPort)).reason, "kicked");
      assert.deepEqual(plane.reports, [], "no fault of the backend");
    });
  });

  Deno.test(`a client that leaves in the ${stage.name} of its login ends it`, async () => {
    await inStage(stage, {}, async (plane, client) => {
      client.close();
      const { reason } = await plane.ended(client.localPort);
      assert.equal(reason, "client-closed");
      assert.deepEqual(plane.reports, [], "no fault of the backend");
    });
  });
}

for (const stage of BACKEND_STAGES) {
  Deno.test(`backend_timeout ends a login in its ${stage.name}, and the client may go on`, async () => {
    await inStage(stage, { backendTimeout: 300 }, async (plane, client) => {
      assert.match(await client.line(), /^a1 NO \[UNAVAILABLE\]/);
      assert.equal((await client.transact("NOOP")).status, "OK");
      await until("logged", () => plane.logs.length > 0);
      assert.match(JSON.stringify(plane.logs), /no answer within 300 ms/);
      // A slow verdict is what servers give who guesses passwords: nothing for the breaker.
      const outcomes = plane.reports.map(({ outcome }) => outcome);
      assert.deepEqual(outcomes, stage.name === "replay" ? [] : ["late"]);
    });
  });
}

Deno.test("a leg whose certificate another authority has come to sign is verified with all, whatever it is verified by", async () => {
  await using ground = await Ground.create();
  const { authority, certificate } = ground;
  await using before = await Ground.create();
  const client = await before.authority.issue(["proxy"], { usage: "client" });
  const { certPem, keyPem } = client;
  const listed: Extract<LegTrust, { kind: "store" }> = {
    kind: "store",
    serverName: "localhost",
    caCerts: [before.authority.pem],
    revocations: [
      {
        issuer: nameOf(authority.pem),
        serials: new Map(),
        issued: 0,
        points: [],
      },
    ],
  };
  const { revocations: __, ...plain } = listed;
  const cases: Partial<LegSnapshot>[] = [
    { trust: plain },
    { trust: plain, clientCertificate: { certPem, keyPem } },
    { trust: listed },
  ];
  for (const more of cases) {
    await using backend = new FakeImapBackend({
      name: "old",
      tls: "implicit",
      certificate,
    });
    const [port] = freePorts(1);
    using _plane = await DataPlane.start(
      1,
      snapshot(
        [listener(port!)],
        [leg(backend.port, { tls: "implicit", ...more })],
        [certificate],
        { trustRoots: [before.authority.pem, authority.pem] },
      ),
    );
    using client = await ImapClient.plain({ port: port! });
    assert.equal((await client.transact("LOGIN alice secret")).status, "OK");
  }
});

Deno.test("a client that does not take the answer to its login is given up", async () => {
  const closed = Promise.withResolvers<never>();
  closed.promise.catch(() => {});
  let isClosed = false;
  const deaf = new ClientLeg({
    read: () => closed.promise,
    write: () => closed.promise,
    closeWrite: () => Promise.resolve(),
    close: () => {
      isClosed = true;
      closed.reject(new Deno.errors.BadResource("closed"));
    },
  });
  const told: string[] = [];
  const port = {
    call: () => Promise.resolve({ refused: "the store is away" }),
    notify: (name: string) => void told.push(name),
  } as unknown as WorkerPort;
  const core = new WorkerCore(port);
  const settings = listener(1, { preauthTimeout: 100 });
  const served = snapshot([settings], [leg(1)], []);
  core.generation = { snapshot: served, loopback: null!, routes: null };
  const address = { hostname: "127.0.0.1", port: 1 };
  const session = new Session("s1", settings, address, address, deaf);
  core.sessions.add(session);
  const frontend = new ImapFrontend({
    reader: deaf.reader,
    secure: false,
    write: (data) => deaf.write(data),
    startTls: () => Promise.reject(new Error("not asked for")),
    countFailure: () => {},
  }, {
    listener: settings,
    snapshot: served,
    hostname: "proxy.test",
    sessionId: "s1",
  });
  const protocol = { name: "imap" } as LineProtocol;
  const login: Login = {
    credentials: {
      kind: "password",
      authcid: "alice",
      authzid: "",
      password: new Secret("secret"),
    },
    method: "LOGIN",
    challenge: () => Promise.resolve(null),
  };
  await assert.rejects(
    within("given up", attemptLogin(core, protocol, session, frontend, login)),
  );
  assert.ok(isClosed);
  assert.equal(session.ended, "preauth-timeout");
  assert.equal(session.attempt, null);
  core.deadlines.run();
  core.reporter.flush();
});
