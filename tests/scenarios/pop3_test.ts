/** POP3 through the built proxy: a backend with faults, then two Dovecots with curl and poplib. */
import assert from "node:assert/strict";
import { Dovecot } from "../support/dovecot.ts";
import {
  FakeLineBackend,
  type LineTalk,
} from "../support/fake_line_backend.ts";
import { plain } from "../support/imap_client.ts";
import { LineClient } from "../support/line_client.ts";
import { Mailferry } from "../support/mailferry.ts";
import { output } from "../support/program.ts";
import { Ground, PASSWORD, type Table } from "../support/proxy_config.ts";
import { needs } from "../support/requirements.ts";
import { ALICE, BOB } from "../support/stage.ts";

const LISTENERS: Table = {
  imaps: undefined,
  imap: undefined,
  pop3s: { protocol: "pop3", bind: ["127.0.0.1:0"], tls: "implicit" },
  pop3: { protocol: "pop3", bind: ["127.0.0.1:0"], tls: "starttls" },
};

type Answer = (line: string, talk: LineTalk) => Promise<void>;

/** What a server says that has nothing wrong with it. */
const good: Answer = async (line, talk) => {
  const [verb] = line.split(" ");
  switch (verb) {
    case "CAPA":
      return await talk.say("+OK list", "STLS", "SASL PLAIN", "XCLIENT", ".");
    case "STLS":
      await talk.say("+OK go ahead");
      return await talk.startTls();
    case "AUTH":
      return await talk.say("+OK in");
    case "STAT":
      return await talk.say("+OK 1 5");
    default:
      return await talk.say("-ERR what");
  }
};

/** One fake backend behind the proxy; `faults` answers in its place where it has an answer. */
class FaultyStage implements AsyncDisposable {
  private constructor(
    private readonly ground: Ground,
    readonly backend: FakeLineBackend,
    readonly proxy: Mailferry,
  ) {}

  static async create(
    faults: Readonly<Record<string, Answer>>,
    destination: Table = {},
    server: Table = {},
  ): Promise<FaultyStage> {
    const ground = await Ground.create();
    const certificate = await ground.authority.issue(["backend.test"], {
      file: "backend",
    });
    const backend = new FakeLineBackend({
      greeting: "+OK fake ready",
      certificate,
      answer: (line, talk) => (faults[line.split(" ")[0]!] ?? good)(line, talk),
    });
    const old: Table = {
      host: "127.0.0.1",
      tls_server_name: "backend.test",
      proxy_protocol: false,
      protocol: { pop3: { port: backend.port, tls: "starttls" } },
      ...destination,
    };
    const proxy = await Mailferry.start({
      ground,
      config: { server, listener: LISTENERS, destination: { old } },
    });
    return new FaultyStage(ground, backend, proxy);
  }

  client(listener = "pop3s"): Promise<LineClient> {
    const target = this.proxy.listener(listener);
    return listener === "pop3s"
      ? LineClient.tls(target, this.proxy.ca)
      : LineClient.plain(target, this.proxy.ca);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const thing of [this.proxy, this.backend, this.ground]) {
      await thing[Symbol.asyncDispose]();
    }
  }
}

async function ask(client: LineClient, command: string): Promise<string> {
  await client.send(`${command}\r\n`);
  return await client.line();
}

async function logIn(client: LineClient, user: string): Promise<string> {
  assert.equal(await ask(client, `USER ${user}`), "+OK");
  return await ask(client, `PASS ${PASSWORD}`);
}

Deno.test("STLS on both sides, and what a client pipelines behind its login", async () => {
  await using stage = await FaultyStage.create({});
  using client = await stage.client("pop3");
  assert.equal(client.greeting, "+OK POP3 server ready");
  assert.match(await ask(client, `USER ${ALICE}`), /^-ERR /);
  assert.match(await ask(client, "STLS"), /^\+OK /);
  await client.handshake();
  await client.send(`USER ${ALICE}\r\nPASS ${PASSWORD}\r\nSTAT\r\nQUIT\r\n`);
  const lines = [];
  for (let i = 0; i < 4; i++) lines.push(await client.line());
  assert.deepEqual(lines, ["+OK", "+OK in", "+OK 1 5", "-ERR what"]);
  assert.deepEqual(stage.backend.connections, [[
    "CAPA",
    "STLS",
    "CAPA",
    `AUTH PLAIN ${plain(ALICE, PASSWORD)}`,
    "STAT",
    "QUIT",
  ]]);
});

Deno.test("clear text behind STLS ends the session and is never a login", async () => {
  await using stage = await FaultyStage.create({});
  using client = await stage.client("pop3");
  await client.send(`STLS\r\nUSER ${ALICE}\r\nPASS ${PASSWORD}\r\n`);
  assert.match(await client.rest(), /^\+OK [^\n]*\n$/);
  const { reason } = await stage.proxy.ended(client);
  assert.equal(reason, "cleartext-after-starttls");
  assert.equal(stage.backend.connections.length, 0);
});

Deno.test("a backend that fails at any step is a temporary failure, and the client may try again", async () => {
  const close: Answer = (_line, talk) => Promise.resolve(talk.close());
  const faults: readonly Readonly<Record<string, Answer>>[] = [
    { CAPA: close },
    { CAPA: (_line, talk) => talk.hang() },
    { CAPA: (_line, talk) => talk.say("* OK IMAP") },
    { CAPA: (_line, talk) => talk.say("+OK list", "SASL PLAIN", ".") },
    { STLS: (_line, talk) => talk.say("-ERR [SYS/TEMP] no") },
    { STLS: (_line, talk) => talk.say("+OK go", "+OK list", ".") },
    { STLS: close },
    { AUTH: close },
    { AUTH: (_line, talk) => talk.hang() },
    { AUTH: (line, talk) => talk.say(line) },
  ];
  let fault: Readonly<Record<string, Answer>> = {};
  const verbs = ["CAPA", "STLS", "AUTH"];
  await using stage = await FaultyStage.create(
    Object.fromEntries(verbs.map((verb) => [
      verb,
      (line, talk) => (fault[verb] ?? good)(line, talk),
    ])),
    {},
    { backend_timeout: "1s", host_down_threshold: 0 },
  );
  for (const [i, each] of faults.entries()) {
    fault = each;
    using client = await stage.client();
    for (let time = 0; time < 2; time++) {
      assert.match(await logIn(client, ALICE), /^-ERR \[SYS\/TEMP\] /);
    }
    assert.match(await ask(client, "QUIT"), /^\+OK /);
    assert.equal((await stage.proxy.ended(client)).reason, "logout");
    assert.equal(stage.backend.connections.length, 2 * (i + 1));
  }
});

Deno.test("refused logins and malformed ones together end the session", async () => {
  await using stage = await FaultyStage.create({
    AUTH: (_line, talk) => talk.say("-ERR [AUTH] not you"),
  });
  using client = await stage.client();
  assert.equal(await logIn(client, ALICE), "-ERR [AUTH] not you");
  assert.match(await ask(client, "AUTH PLAIN x"), /^-ERR /);
  assert.equal(await logIn(client, ALICE), "-ERR [AUTH] not you");
  assert.match(await client.rest(), /^-ERR [^\n]*\n$/);
  assert.equal((await stage.proxy.ended(client)).reason, "auth-attempts");
});

Deno.test("a refused XCLIENT costs the address, not the session, and is logged once a minute at most", async () => {
  await using stage = await FaultyStage.create({
    XCLIENT: (_line, talk) => talk.say("-ERR You are not from trusted IP"),
  }, { forwarding: "xclient" });
  for (let time = 0; time < 3; time++) {
    using client = await stage.client();
    assert.equal(await logIn(client, ALICE), "+OK in");
    const sent = stage.backend.connections.at(-1)!
      .find((line) => line.startsWith("XCLIENT "))!;
    assert.match(
      sent,
      /^XCLIENT ADDR=127\.0\.0\.1 PORT=\d+ DESTADDR=127\.0\.0\.1 DESTPORT=\d+ SESSION=\w+ TTL=6 CLIENT-TRANSPORT=TLS$/,
    );
    assert.ok(sent.includes(` PORT=${client.localPort} `));
    client.close();
    const { session } = await stage.proxy.ended(client);
    assert.ok(sent.includes(` SESSION=${session} `));
  }
  const { answer, protocol } = await stage.proxy.event("forwarding_refused");
  assert.equal(protocol, "pop3");
  assert.match(String(answer), /not from trusted IP/);
  assert.equal(stage.proxy.count("forwarding_refused"), 1);
});

Deno.test("a bare LF or CR in a command is refused and reaches no backend", async () => {
  await using stage = await FaultyStage.create({});
  using client = await stage.client();
  assert.match(await ask(client, `USER ${ALICE}\rPASS x`), /^-ERR /);
  await client.send(`USER ${ALICE}\n`);
  assert.match(await client.line(), /^-ERR /);
  await client.send(`NOOP\n`);
  assert.match(await client.line(), /^-ERR /);
  assert.equal(stage.backend.connections.length, 0);
});

/** "old" takes PROXY v2 on implicit TLS, "new" takes XCLIENT from trusted networks behind STLS. */
class RealStage implements AsyncDisposable {
  readonly #stack = new AsyncDisposableStack();
  ground!: Ground;
  old!: Dovecot;
  new_!: Dovecot;
  proxy!: Mailferry;

  static async create(listener: Table = {}): Promise<RealStage> {
    const stage = new RealStage();
    try {
      await stage.#start(listener);
      return stage;
    } catch (error) {
      await stage[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #start(listener: Table): Promise<void> {
    const stack = this.#stack;
    this.ground = stack.use(await Ground.create());
    const { authority, folder } = this.ground;
    const protocols = ["pop3"] as const;
    this.old = stack.use(
      await Dovecot.start({
        ...{ name: "old", folder, authority, protocols },
        forwarding: "proxy",
      }),
    );
    this.new_ = stack.use(
      await Dovecot.start({
        ...{ name: "new", folder, authority, protocols },
        forwarding: "xclient",
      }),
    );
    for (const account of [ALICE, BOB]) {
      await this.old.deliver(account, `for ${account} on old`);
      await this.new_.deliver(account, `for ${account} on new`);
    }
    this.proxy = stack.use(
      await Mailferry.start({
        ground: this.ground,
        mappings: { [ALICE]: "old", [BOB]: "new" },
        config: {
          server: { threads: 2 },
          listener: { ...LISTENERS, ...listener },
          destination: {
            old: this.old.destination("implicit"),
            new: this.new_.destination("starttls"),
          },
        },
      }),
    );
  }

  get accounts(): readonly (readonly [string, Dovecot])[] {
    return [[ALICE, this.old], [BOB, this.new_]];
  }

  client(): Promise<LineClient> {
    return LineClient.tls(this.proxy.listener("pop3s"), this.proxy.ca);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}

/** The subject of the first message, read by a client that is logged in. */
async function subject(client: LineClient): Promise<string> {
  assert.match(await ask(client, "TOP 1 0"), /^\+OK/);
  let found = "";
  for (let line; (line = await client.line()) !== ".";) {
    if (line.startsWith("Subject: ")) found = line.slice(9);
  }
  return found;
}

const POPLIB = `
import json, poplib, ssl, sys
mode, port, ca, user, password = sys.argv[1:]
context = ssl.create_default_context(cafile=ca)
if mode == "pop3s":
    m = poplib.POP3_SSL("127.0.0.1", int(port), context=context)
else:
    m = poplib.POP3("127.0.0.1", int(port))
    assert "STLS" in m.capa()
    m.stls(context)
capa = m.capa()
m.user(user)
m.pass_(password)
local = m.sock.getsockname()
count = m.stat()[0]
lines = m.retr(1)[1]
m.dele(1)
m.rset()
m.quit()
subject = [l.decode() for l in lines if l.startswith(b"Subject: ")][0]
print(json.dumps({"port": local[1], "count": count, "subject": subject, "capa": capa}))
`;

needs(
  ["dovecot", "python3"],
  "poplib logs in on both listeners to both servers, which log its address",
  async () => {
    await using stage = await RealStage.create();
    for (const mode of ["pop3s", "pop3"]) {
      for (const [account, server] of stage.accounts) {
        const port = String(stage.proxy.listener(mode).port);
        const said = JSON.parse(
          await output("python3", [
            ...["-c", POPLIB, mode, port],
            ...[stage.ground.authority.file, account, PASSWORD],
          ]),
        );
        const { name } = server.options;
        assert.equal(said.subject, `Subject: for ${account} on ${name}`);
        assert.deepEqual(said.capa.EXPIRE, ["NEVER"]);
        const logged = await server.login(
          `a login from port ${said.port}`,
          (l) => l.port === said.port,
        );
        assert.deepEqual(
          [logged.user, logged.address, logged.tls],
          [account, "127.0.0.1", true],
        );
        const record = await stage.proxy.ended(said.port);
        if (name === "new") {
          assert.ok(server.log().includes(`session=<${record.session}>`));
        }
      }
    }
    assert.equal(stage.proxy.count("forwarding_refused"), 0);
  },
);

needs(
  ["dovecot", "curl"],
  "curl reads a message with PLAIN and LOGIN, in both TLS modes and from its own address",
  async () => {
    await using stage = await RealStage.create();
    const clients = [
      ["pop3s", "127.0.0.77", "AUTH=PLAIN"],
      ["pop3", "127.0.0.78", "AUTH=LOGIN"],
      ["pop3s", "127.0.0.79", "AUTH=*"],
    ] as const;
    for (const [scheme, address, how] of clients) {
      for (const [account, server] of stage.accounts) {
        const { port } = stage.proxy.listener(scheme);
        const message = await output("curl", [
          ...["-s", "-S", "--ssl-reqd", "--login-options", how],
          ...["--cacert", stage.ground.authority.file],
          ...["--interface", address, "-u", `${account}:${PASSWORD}`],
          `${scheme}://127.0.0.1:${port}/1`,
        ]);
        const { name } = server.options;
        assert.ok(message.includes(`Subject: for ${account} on ${name}`));
        await server.login(
          `a login from ${address}`,
          (l) => l.user === account && l.address === address,
        );
      }
    }
  },
);

needs(
  ["dovecot"],
  "an IPv6 client reaches the log of a Dovecot that takes XCLIENT",
  async () => {
    await using stage = await RealStage.create({
      six: { protocol: "pop3", bind: ["[::1]:0"], tls: "implicit" },
    });
    const target = { ...stage.proxy.listener("six"), hostname: "::1" };
    for (const [account, server] of stage.accounts) {
      using client = await LineClient.tls(target, stage.proxy.ca);
      assert.match(await logIn(client, account), /^\+OK/);
      const { address } = await server.login(
        "the login over IPv6",
        (l) => l.port === client.localPort,
      );
      assert.equal(address, "::1");
    }
    assert.equal(stage.proxy.count("forwarding_refused"), 0);
  },
);

needs(
  ["dovecot"],
  "an account is moved while its client is logged in",
  async () => {
    await using stage = await RealStage.create();
    const { proxy } = stage;
    using client = await stage.client();
    assert.match(await logIn(client, ALICE), /^\+OK/);
    assert.equal(await subject(client), `for ${ALICE} on old`);
    assert.equal(await proxy.move(ALICE, "new"), "ok\n");
    assert.equal(await proxy.kick(ALICE), 1);
    await client.rest();
    assert.equal((await proxy.ended(client)).reason, "kicked");

    using again = await stage.client();
    assert.match(await logIn(again, ALICE), /^\+OK/);
    assert.equal(await subject(again), `for ${ALICE} on new`);
  },
);

needs(
  ["dovecot"],
  "a refused login shows Dovecot's own words and the next login is routed afresh",
  async () => {
    await using stage = await RealStage.create();
    using client = await stage.client();
    assert.equal(await ask(client, `USER ${ALICE}`), "+OK");
    assert.match(await ask(client, "PASS wrong"), /^-ERR \[AUTH\] /);
    assert.match(await logIn(client, BOB), /^\+OK/);
    assert.equal(await subject(client), `for ${BOB} on new`);
  },
);
