/** `[limits]`: what one address or account may use, counted over all workers. */
import assert from "node:assert/strict";
import { ImapClient } from "../support/imap_client.ts";
import { run } from "../support/mailferry.ts";
import { PASSWORD, type Table } from "../support/proxy_config.ts";
import {
  ALICE,
  BOB,
  login,
  Stage,
  type StageOptions,
} from "../support/stage.ts";
import { until } from "../support/wait.ts";
import { Wire } from "../support/wire.ts";

const refuseWrongPasswords: NonNullable<StageOptions["old"]> = {
  refuse: ({ secret }) =>
    secret === PASSWORD ? undefined : ["NO [AUTHENTICATIONFAILED] no"],
};

function limited(limits: Table, more: Table = {}): Promise<Stage> {
  return Stage.create({
    config: { server: { threads: 2 }, limits, ...more },
    old: refuseWrongPasswords,
    new: refuseWrongPasswords,
  });
}

interface Limits {
  counted: number;
  limits: {
    kind: string;
    name: string;
    failures: number;
    refused_seconds: number;
    connections: Record<string, number>;
  }[];
}

async function limitsOf(stage: Stage, query = ""): Promise<Limits> {
  return JSON.parse(await stage.proxy.ask("GET", `/limits${query}`));
}

/** No limit lets a client of these get there. */
const UNREACHED: Table = {
  protocol: Object.fromEntries(
    ["pop3", "managesieve", "submission"].map((protocol) => [
      protocol,
      { port: 1, tls: "plain" },
    ]),
  ),
};

/** Listeners of every protocol without TLS, on which passwords are taken. */
const PLAIN: Table = {
  destination: { old: UNREACHED, new: UNREACHED },
  listener: Object.fromEntries(
    ["imap", "pop3", "managesieve", "submission"].map((protocol) => [
      `plain-${protocol}`,
      { protocol, bind: ["127.0.0.1:0"], tls: "plain" },
    ]),
  ),
  capabilities: Object.fromEntries(
    ["imap", "pop3", "managesieve", "submission"].map((protocol) => [
      protocol,
      { allow_plain_auth_without_tls: true },
    ]),
  ),
};

async function connect(stage: Stage, protocol: string): Promise<Wire> {
  const { port } = stage.proxy.listener(`plain-${protocol}`);
  return new Wire(await Deno.connect({ hostname: "127.0.0.1", port }));
}

Deno.test("one address has so many connections over all workers, and gets a place back with each that ends", async () => {
  await using stage = await limited({ connections_per_address: { imap: 3 } });
  const clients = await Promise.all([1, 2, 3].map(() => stage.client()));
  for (let i = 0; i < 6; i++) {
    using refused = await stage.client();
    assert.equal(refused.greeting, "* BYE [LIMIT] Too many connections");
    assert.equal(await refused.lineOrEnd(), null);
    const { reason, detail } = await stage.proxy.ended(refused);
    assert.equal(reason, "limit");
    assert.equal(detail, "too many connections of this address");
  }
  const { limits } = await limitsOf(stage, "?client=127.0.0.1");
  assert.deepEqual(limits, [{
    kind: "address",
    name: "127.0.0.1",
    failures: 0,
    refused_seconds: 0,
    connections: { imap: 3 },
  }]);
  for (const client of clients) {
    client.close();
    await stage.proxy.ended(client);
    using next = await stage.client();
    assert.match(next.greeting, /^\* OK /);
    next.close();
    await stage.proxy.ended(next);
  }
  await until(
    "all places",
    async () => (await limitsOf(stage)).counted === 0,
  );
});

Deno.test("a refused connection is answered in the words of its protocol", async () => {
  const protocols = ["imap", "pop3", "managesieve", "submission"];
  const most = Object.fromEntries(protocols.map((name) => [name, 1]));
  await using stage = await limited({ connections_per_address: most }, PLAIN);
  const words: Record<string, RegExp> = {
    imap: /^\* BYE \[LIMIT\] /,
    pop3: /^-ERR \[SYS\/TEMP\] /,
    managesieve: /^BYE \(TRYLATER\) /,
    submission: /^421 4\.7\.0 /,
  };
  for (const [protocol, expected] of Object.entries(words)) {
    using first = await connect(stage, protocol);
    assert.doesNotMatch(String(await first.readLine()), expected);
    using second = await connect(stage, protocol);
    const rest = await second.readAll();
    assert.match(rest, expected);
    assert.match(rest, /^[^\r\n]+\r\n$/);
  }
});

Deno.test("a pass-through connection too many gets 421 4.7.0 and never reaches the server", async () => {
  using server = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  await using stage = await limited({ connections_per_address: { smtp: 1 } }, {
    listener: {
      "plain-smtp": { protocol: "smtp", bind: ["127.0.0.1:0"], tls: "plain" },
    },
    destination: {
      old: { protocol: { smtp: { port: server.addr.port, tls: "plain" } } },
    },
    routing: { smtp_passthrough_destination: "old" },
  });
  using first = await connect(stage, "smtp");
  using reached = new Wire(await server.accept());
  await reached.send("220 hello\r\n");
  assert.equal(await first.readLine(), "220 hello");
  using second = await connect(stage, "smtp");
  assert.match(
    await second.readAll(),
    /^421 4\.7\.0 proxy\.test [^\r\n]+\r\n$/,
  );
  const { detail } = await stage.proxy.entry(
    "the refused connection's record",
    (e) => e.event === "session_end" && e.reason === "limit",
  );
  assert.equal(detail, "too many connections of this address");
});

Deno.test("a refused login is answered in the words of its protocol", async () => {
  await using stage = await limited({
    failures_per_account: 1,
    failure_delay: "0s",
  }, PLAIN);
  using imap = await stage.client();
  const failed = await imap.transact(login(ALICE, "wrong"));
  assert.match(failed.text, /^\[AUTHENTICATIONFAILED\]/);
  const refused = await imap.transact(login(ALICE));
  assert.equal(refused.status, "NO");
  assert.match(refused.text, /^\[LIMIT\] /);
  assert.equal((await imap.transact(login(BOB))).status, "OK");

  const secret = new TextEncoder().encode(`\0${ALICE}\0${PASSWORD}`).toBase64();
  const dialogues: Record<string, [string[], RegExp]> = {
    pop3: [
      [`USER ${ALICE}\r\n`, `PASS ${PASSWORD}\r\n`, "QUIT\r\n"],
      /\r\n-ERR \[SYS\/TEMP\] .*\r\n\+OK/,
    ],
    managesieve: [
      [`AUTHENTICATE "PLAIN" "${secret}"\r\n`, "LOGOUT\r\n"],
      /\r\nNO \(TRYLATER\) .*\r\nOK/,
    ],
    submission: [
      ["EHLO there\r\n", `AUTH PLAIN ${secret}\r\n`],
      /\r\n421 4\.7\.0 .*\r\n$/,
    ],
  };
  for (const [protocol, [commands, expected]] of Object.entries(dialogues)) {
    using client = await connect(stage, protocol);
    for (const command of commands) await client.send(command);
    assert.match(await client.readAll(), expected);
    const { reason } = await stage.proxy.entry(
      `the refusal for ${protocol}`,
      (e) => e.event === "login_limited" && e.protocol === protocol,
    );
    assert.equal(reason, "too many failed logins of this account");
  }
});

Deno.test("one account has so many sessions, other accounts are not touched, and a login that fails gives its place back", async () => {
  await using stage = await limited({
    connections_per_account: { imap: 1 },
  });
  using wrong = await stage.client();
  for (let i = 0; i < 2; i++) {
    const { text } = await wrong.transact(login(ALICE, "wrong"));
    assert.match(text, /^\[AUTHENTICATIONFAILED\]/);
  }
  using first = await stage.loggedIn(ALICE);
  using second = await stage.client();
  assert.match((await second.transact(login(ALICE))).text, /^\[LIMIT\]/);
  assert.equal((await second.transact(login(BOB))).status, "OK");
  assert.deepEqual(
    (await limitsOf(stage, `?identifier=${ALICE}`)).limits[0]?.connections,
    { imap: 1 },
  );
  first.close();
  await stage.proxy.ended(first);
  using third = await stage.loggedIn(ALICE);
  third.close();
});

Deno.test("refusals count towards max_auth_attempts", async () => {
  await using stage = await limited({ connections_per_account: { imap: 1 } });
  using first = await stage.loggedIn(ALICE);
  using second = await stage.client();
  for (let i = 0; i < 2; i++) {
    assert.match((await second.transact(login(ALICE))).text, /^\[LIMIT\]/);
  }
  assert.match((await second.transact(login(ALICE))).text, /^\[LIMIT\]/);
  assert.match(await second.rest(), /^\* BYE /);
  assert.equal((await stage.proxy.ended(second)).reason, "auth-attempts");
  first.close();
});

Deno.test("an address that failed too often is refused with right passwords too, until it is cleared", async () => {
  await using stage = await limited({
    failures_per_address: 3,
    failure_delay: "0s",
  });
  for (const account of ["x@example.com", "y@example.com", ALICE]) {
    using client = await stage.client();
    const { text } = await client.transact(login(account, "wrong"));
    assert.match(text, /^\[AUTHENTICATIONFAILED\]/);
  }
  using client = await stage.client();
  assert.match((await client.transact(login(BOB))).text, /^\[LIMIT\]/);
  const line = await stage.proxy.event("login_limited");
  assert.deepEqual(Object.keys(line), [
    "time",
    "level",
    "event",
    "client",
    "listener",
    "protocol",
    "method",
    "reason",
    "session",
  ]);
  assert.equal(line.client, "127.0.0.1");
  assert.equal(line.reason, "too many failed logins from this address");
  assert.equal(stage.proxy.count("login_failed"), 3);

  const [entry] = (await limitsOf(stage)).limits;
  assert.equal(entry?.name, "127.0.0.1");
  assert.equal(entry?.failures, 3);
  assert.ok(entry.refused_seconds > 800);
  const ctl = (...args: string[]) =>
    run([
      ...["ctl", ...args, "--config", stage.proxy.configFile],
      ...["--address", new URL(stage.proxy.adminUrl).host],
    ]);
  const shown = await ctl("limits");
  assert.equal(shown.code, 0, shown.stderr);
  assert.match(shown.stdout, /^address +127\.0\.0\.1 +3 +[89]\d\d /m);

  const clear = ["limits", "clear", "--client", "127.0.0.1"];
  assert.equal((await ctl(...clear)).stdout, "cleared\n");
  assert.equal((await ctl(...clear)).stdout, "absent\n");
  assert.equal((await client.transact(login(BOB))).status, "OK");
});

Deno.test("a refusal ends by itself", async () => {
  await using stage = await limited({
    failures_per_account: 1,
    failure_delay: "0s",
    refusal_time: "1s",
  });
  using client = await stage.client();
  await client.transact(login(ALICE, "wrong"));
  await until("the end of the refusal", async () => {
    using next = await stage.client();
    return (await next.transact(login(ALICE))).status === "OK";
  });
});

Deno.test("who waits for the answer to a failed login can leave and be kicked", async () => {
  await using stage = await limited({
    failures_per_address: 100,
    failure_delay: "10m",
    failure_delay_max: "10m",
  });
  using leaving = await stage.client();
  using kicked = await stage.client();
  for (const client of [leaving, kicked]) {
    await client.send(`a ${login(ALICE, "wrong")}\r\n`);
  }
  await until("both failures", () => stage.proxy.count("login_failed") === 2);
  leaving.close();
  assert.equal((await stage.proxy.ended(leaving)).reason, "client-closed");
  assert.equal(await stage.proxy.kick(ALICE), 1);
  assert.equal((await stage.proxy.ended(kicked)).reason, "kicked");
});

Deno.test("clients behind a PROXY header count by their own address, IPv6 by /64, and trusted networks do not", async () => {
  await using stage = await limited({
    trusted_networks: ["198.51.100.0/24", "2001:db8:ff::/48"],
    connections_per_address: { imap: 1 },
  }, {
    listener: {
      imap: {
        tls: "plain",
        proxy_protocol: "required",
        proxy_trusted: ["127.0.0.0/8"],
      },
    },
  });
  const open: ImapClient[] = [];
  const greeting = async (address: string) => {
    const client = await ImapClient.raw(stage.proxy.listener("imap"));
    open.push(client);
    const [family, to] = address.includes(":")
      ? ["TCP6", "2001:db8::99"]
      : ["TCP4", "192.0.2.99"];
    await client.send(`PROXY ${family} ${address} ${to} 50000 143\r\n`);
    return await client.line();
  };
  const cases: [string, boolean][] = [
    ["192.0.2.1", true],
    ["192.0.2.2", true],
    ["192.0.2.1", false],
    ["2001:db8::1", true],
    ["2001:db8::2", false],
    ["2001:db8:0:1::1", true],
    ["198.51.100.7", true],
    ["198.51.100.7", true],
    ["2001:db8:ff::1", true],
    ["2001:db8:ff::2", true],
  ];
  for (const [address, welcome] of cases) {
    const line = await greeting(address);
    assert.equal(line.startsWith("* OK"), welcome, `${address}: ${line}`);
  }
  for (const client of open) client.close();
});

Deno.test("limits change with a reload, for what comes", async () => {
  await using stage = await limited({});
  using first = await stage.loggedIn(ALICE);
  assert.equal((await limitsOf(stage)).counted, 0);
  await stage.proxy.reconfigure({
    limits: { connections_per_address: { imap: 1 } },
  });
  await stage.proxy.ask("POST", "/config/reload");
  using second = await stage.client();
  assert.match(second.greeting, /^\* OK/);
  using third = await stage.client();
  assert.match(third.greeting, /^\* BYE \[LIMIT\]/);
  assert.equal((await first.transact("NOOP")).status, "OK");
});
