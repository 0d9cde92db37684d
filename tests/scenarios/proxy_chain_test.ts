/** Proxies in front of the proxy: HAProxy, curl, and another mailferry. */
import assert from "node:assert/strict";
import { Haproxy } from "../support/haproxy.ts";
import { ImapClient } from "../support/imap_client.ts";
import { LineClient } from "../support/line_client.ts";
import { type LogEntry, Mailferry } from "../support/mailferry.ts";
import { freePorts, refusedPort } from "../support/ports.ts";
import { Ground, PASSWORD, type Table } from "../support/proxy_config.ts";
import { type Pair, proxyV1, proxyV2Raw } from "../support/proxy_header.ts";
import { needs } from "../support/requirements.ts";
import { ALICE, login, Stage } from "../support/stage.ts";
import { until } from "../support/wait.ts";

const TRUSTED = { proxy_trusted: ["127.0.0.0/8"] };
const REQUIRED = { proxy_protocol: "required", ...TRUSTED };
const PAIR: Pair = [["203.0.113.7", 40001], ["198.51.100.9", 993]];

needs(
  ["haproxy"],
  "HAProxy names its clients in both versions, and its health checks are nobody's fault",
  async () => {
    await using stage = await Stage.create({
      config: { listener: { imaps: REQUIRED, imap: REQUIRED } },
      old: { proxy: true },
      oldDestination: { proxy_protocol: true },
    });
    const { port } = stage.proxy.listener("imaps");
    const clear = stage.proxy.listener("imap").port;
    await using haproxy = await Haproxy.start(stage.ground.folder, [
      { port, options: "send-proxy" },
      { port, options: "send-proxy-v2 proxy-v2-options unique-id" },
      { port: clear, options: "send-proxy-v2-ssl" },
      { port: clear, options: "send-proxy-v2 check check-send-proxy" },
    ]);
    for (const [i, entrance] of haproxy.ports.slice(0, 3).entries()) {
      const target = { port: entrance };
      using client = i < 2
        ? await ImapClient.tls(target, stage.proxy.ca)
        : await ImapClient.plain(target, stage.proxy.ca);
      if (i === 2) await client.startTls();
      assert.equal((await client.transact(login(ALICE))).status, "OK");
      const peer = `127.0.0.1:${client.localPort}`;
      assert.equal(stage.old.last.proxy?.source, peer);
      assert.equal(
        stage.old.last.proxy?.destination,
        `127.0.0.1:${entrance}`,
      );
      client.close();
      const record = await stage.proxy.ended(client);
      assert.equal(record["client"], peer);
      const id = `edge-127.0.0.1-${client.localPort}`;
      assert.equal(record["upstream_id"], i === 1 ? id : undefined);
    }
    const checks = stage.proxy.log.filter((e) =>
      e.event === "session_end" && e["account"] === undefined
    );
    for (const check of checks) assert.equal(check["reason"], "client-closed");
  },
);

/** Connect and reset, as health checks do, so many times. */
const RESETS = `
import socket, struct, sys
for _ in range(int(sys.argv[2])):
    s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()
`;

needs(
  ["python3"],
  "health checks that reset their connection hold nobody up",
  async () => {
    await using stage = await Stage.create();
    for (const name of ["imap", "imaps"]) {
      const { port } = stage.proxy.listener(name);
      const { success } = await new Deno.Command("python3", {
        args: ["-c", RESETS, String(port), "1000"],
      }).output();
      assert.ok(success);
    }
    using client = await stage.loggedIn(ALICE);
    assert.equal((await client.transact("NOOP")).status, "OK");
    using plain = await stage.plainClient();
    assert.match(plain.greeting, /^\* OK/);
  },
);

needs(["curl"], "curl reads mail behind a PROXY header", async () => {
  await using stage = await Stage.create({
    config: { listener: { imaps: REQUIRED } },
    old: { proxy: true },
    oldDestination: { proxy_protocol: true },
  });
  const { port } = stage.proxy.listener("imaps");
  const curl = (...more: string[]) =>
    new Deno.Command("curl", {
      args: [
        ...["-sS", "--max-time", "60", "--cacert", stage.ground.authority.file],
        ...["--user", `${ALICE}:${PASSWORD}`],
        ...["-X", "NOOP", `imaps://127.0.0.1:${port}`, ...more],
      ],
      stdout: "null",
      stderr: "piped",
    }).output();
  const { success, stderr } = await curl("--haproxy-protocol");
  assert.ok(success, new TextDecoder().decode(stderr));
  assert.match(String(stage.old.last.proxy?.source), /^127\.0\.0\.1:\d+$/);
  assert.equal(stage.old.last.proxy?.command, "PROXY");
  assert.equal((await curl()).success, false);
  const record = await stage.proxy.entry(
    "the refused connection",
    (e) => e["reason"] === "proxy-header",
  );
  assert.match(String(record["detail"]), /no header came first/);
});

Deno.test("a mailferry behind a mailferry knows the client, by PROXY header", async () => {
  await using stage = await Stage.create({
    config: { listener: { imaps: REQUIRED, imap: REQUIRED } },
    old: { proxy: true },
    oldDestination: { proxy_protocol: true },
  });
  for (const [leg, tls] of [["imaps", "implicit"], ["imap", "starttls"]]) {
    const { port } = stage.proxy.listener(leg!);
    await using front = await Mailferry.start({
      ground: stage.ground,
      config: {
        listener: { imaps: REQUIRED },
        destination: {
          old: {
            host: "127.0.0.1",
            tls_server_name: "proxy.test",
            protocol: { imap: { port, tls } },
          },
        },
      },
    });
    using client = await ImapClient.raw(front.listener("imaps"), front.ca);
    await client.send(proxyV1(PAIR));
    await client.handshake();
    client.greeting = await client.line();
    assert.equal((await client.transact(login(ALICE))).status, "OK");
    assert.equal(stage.old.last.proxy?.source, "203.0.113.7:40001");
    assert.equal(stage.old.last.proxy?.destination, "198.51.100.9:993");
    client.close();
    const near = await front.event("session_end");
    const far = await stage.proxy.entry(
      "the session behind",
      (e) => e.event === "session_end" && e["upstream_id"] === near["session"],
    );
    assert.equal(near["client"], "203.0.113.7:40001");
    assert.equal(far["client"], "203.0.113.7:40001");
    // What was nobody's in front is nobody's behind.
    using own = await ImapClient.raw(front.listener("imaps"), front.ca);
    await own.send(proxyV2Raw(0x20, 0x00, []));
    await own.handshake();
    own.greeting = await own.line();
    assert.equal((await own.transact(login(ALICE))).status, "OK");
    assert.equal(stage.old.last.proxy?.command, "LOCAL");
  }
});

const SASL = btoa(`\0${ALICE}\0${PASSWORD}`);

/** What a client of each protocol sends to log in, and how it is told that this cannot be done now. */
const LOGINS = {
  imap: [`a ${login(ALICE)}\r\n`, /^a NO \[UNAVAILABLE\]/],
  pop3: [
    `USER ${ALICE}\r\nPASS ${PASSWORD}\r\n`,
    /^-ERR \[SYS\/TEMP\]/,
  ],
  managesieve: [`AUTHENTICATE "PLAIN" "${SASL}"\r\n`, /^NO \(TRYLATER\)/],
  submission: [`EHLO client.test\r\nAUTH PLAIN ${SASL}\r\n`, /^4\d\d /],
} as const;

type Protocol = keyof typeof LOGINS;
const PROTOCOLS = Object.keys(LOGINS) as Protocol[];

/** A configuration with a plain listener and a plain leg for each protocol, told of clients by XCLIENT and ID. */
function chained(
  binds: Readonly<Record<Protocol, number>>,
  legs: Readonly<Record<Protocol, number>>,
  listener: Table,
  server: Table = {},
): Table {
  const each = <T>(value: (protocol: Protocol) => T) =>
    Object.fromEntries(PROTOCOLS.map((p) => [p, value(p)]));
  return {
    server: { backend_connect_retries: 0, ...server },
    capabilities: each(() => ({ allow_plain_auth_without_tls: true })),
    listener: {
      imaps: undefined,
      ...each((protocol) => ({
        protocol,
        bind: [`127.0.0.1:${binds[protocol]}`],
        tls: "plain",
        ...listener,
      })),
    },
    destination: {
      old: {
        host: "127.0.0.1",
        allow_plaintext_auth: true,
        forwarding: "xclient",
        protocol: each((protocol) => ({ port: legs[protocol], tls: "plain" })),
      },
    },
  };
}

function ports(all: readonly number[]): Record<Protocol, number> {
  return Object.fromEntries(PROTOCOLS.map((p, i) => [p, all[i]!])) as Record<
    Protocol,
    number
  >;
}

const NONE = { imap: 0, pop3: 0, managesieve: 0, submission: 0 };

/** Log in, `first` being sent before; what the client is told at last. */
async function tryLogin(
  proxy: Mailferry,
  protocol: Protocol,
  first = "",
): Promise<void> {
  const [script, answer] = LOGINS[protocol];
  using client = await LineClient.raw(proxy.listener(protocol));
  await client.send(first + script);
  for (;;) {
    const line = await client.line();
    if (answer.test(line)) return;
  }
}

const ended = (proxy: Mailferry, matches: (entry: LogEntry) => boolean) =>
  proxy.entry(
    "a close record",
    (e) => e.event === "session_end" && matches(e),
  );

Deno.test("XCLIENT and ID carry client, session and TTL from one mailferry to the next", async () => {
  await using ground = await Ground.create();
  const nowhere = ports(PROTOCOLS.map(() => refusedPort()));
  await using behind = await Mailferry.start({
    ground,
    config: chained(NONE, nowhere, TRUSTED),
  });
  const legs = ports(PROTOCOLS.map((p) => behind.listener(p).port));
  for (const [ttl, why] of [[3, /connect to/], [2, /TTL/]] as const) {
    await using front = await Mailferry.start({
      ground,
      config: chained(NONE, legs, REQUIRED, { proxy_ttl: ttl }),
    });
    for (const protocol of PROTOCOLS) {
      await tryLogin(front, protocol, proxyV1(PAIR));
      const near = await ended(front, (e) => e["protocol"] === protocol);
      const far = await ended(
        behind,
        (e) => e["upstream_id"] === near["session"],
      );
      assert.equal(near["client"], "203.0.113.7:40001");
      assert.equal(far["client"], "203.0.113.7:40001", protocol);
      const failed = await behind.entry(
        "a failed login",
        (e) => e["session"] === far["session"] && "method" in e,
      );
      assert.equal(failed["client"], "203.0.113.7");
      assert.match(String(failed["reason"]), why, protocol);
    }
  }
});

Deno.test("nobody else is believed, whoever a trusted proxy serves included", async () => {
  await using ground = await Ground.create();
  const nowhere = ports(PROTOCOLS.map(() => refusedPort()));
  const claims = {
    imap: 'i ID ("x-originating-ip" "192.0.2.66" "x-proxy-ttl" "1")\r\n',
    pop3: "XCLIENT ADDR=192.0.2.66 TTL=1\r\n",
    managesieve: "XCLIENT ADDR=192.0.2.66 TTL=1\r\n",
    submission: "XCLIENT ADDR=192.0.2.66 TTL=1\r\n",
  };
  const strangers = { proxy_trusted: ["192.0.2.0/24"] };
  for (
    const [listener, first, client] of [
      [strangers, "", /^127\.0\.0\.1:/],
      [REQUIRED, proxyV1(PAIR), /^203\.0\.113\.7:40001$/],
      [REQUIRED, "PROXY UNKNOWN\r\n", /^127\.0\.0\.1:/],
    ] as const
  ) {
    await using proxy = await Mailferry.start({
      ground,
      config: chained(NONE, nowhere, listener),
    });
    for (const protocol of PROTOCOLS) {
      await tryLogin(proxy, protocol, first + claims[protocol]);
      const record = await ended(proxy, (e) => e["protocol"] === protocol);
      assert.match(String(record["client"]), client);
      const failed = await proxy.entry(
        "a failed login",
        (e) => e["session"] === record["session"] && "method" in e,
      );
      assert.match(String(failed["reason"]), /connect to/);
    }
  }
});

Deno.test("two mailferrys that send each other their clients stop when the TTL is used up", async () => {
  await using ground = await Ground.create();
  const free = freePorts(8);
  const [left, right] = [ports(free.slice(0, 4)), ports(free.slice(4))];
  await using one = await Mailferry.start({
    ground,
    config: chained(left, right, TRUSTED),
  });
  await using two = await Mailferry.start({
    ground,
    config: chained(right, left, TRUSTED),
  });
  for (const protocol of PROTOCOLS) {
    await tryLogin(one, protocol);
    await one.empty();
    await two.empty();
    const sessions = () =>
      [...one.log, ...two.log].filter((e) =>
        e.event === "session_end" && e["protocol"] === protocol
      ).length;
    // The log comes behind.
    await until("the records of all", () => sessions() >= 7);
    assert.equal(sessions(), 7, protocol);
  }
});
