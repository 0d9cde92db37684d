/** The dialogue before login over both kinds of listener: what is offered, taken and refused. */
import assert from "node:assert/strict";
import { ImapClient, plain, type Reply } from "../support/imap_client.ts";
import { ALICE, BOB, login, PASSWORD, Stage } from "../support/stage.ts";

const base64 = (text: string) => new TextEncoder().encode(text).toBase64();

/** Send a login that takes several turns: each step waits for a continuation first. */
async function exchange(
  client: ImapClient,
  first: string,
  steps: readonly string[],
): Promise<Reply> {
  const tag = client.nextTag();
  await client.send(`${tag} ${first}\r\n`);
  for (const step of steps) {
    assert.match(await client.line(), /^\+ /);
    await client.send(`${step}\r\n`);
  }
  return await client.reply(tag);
}

Deno.test("implicit TLS offers logins at once and no more than every backend has", async () => {
  await using stage = await Stage.create();
  using client = await stage.client();
  const words = "IMAP4rev1 SASL-IR LITERAL\\+ ID AUTH=PLAIN AUTH=LOGIN " +
    "AUTH=OAUTHBEARER AUTH=XOAUTH2";
  assert.match(
    client.greeting,
    new RegExp(`^\\* OK \\[CAPABILITY ${words}\\] `),
  );
  const { untagged } = await client.transact("CAPABILITY");
  assert.match(untagged[0]!, new RegExp(`^\\* CAPABILITY ${words}$`));
});

Deno.test("STARTTLS is offered in clear together with LOGINDISABLED and gone after the upgrade", async () => {
  await using stage = await Stage.create();
  using client = await stage.plainClient();
  assert.match(client.greeting, / STARTTLS[ \]]/);
  assert.match(client.greeting, / LOGINDISABLED[ \]]/);
  assert.doesNotMatch(client.greeting, /AUTH=PLAIN/);
  await client.startTls();
  const after = (await client.transact("CAPABILITY")).untagged[0]!;
  assert.doesNotMatch(after, /STARTTLS|LOGINDISABLED/);
  assert.match(after, / AUTH=PLAIN( |$)/);
  const { status, text } = await client.transact(login(ALICE));
  assert.equal(status, "OK");
  assert.match(text, /logged in to old/);
});

Deno.test("credentials in clear are refused before a backend hears of them", async () => {
  await using stage = await Stage.create();
  using client = await stage.plainClient();
  const attempts = [
    login(ALICE),
    `AUTHENTICATE PLAIN ${plain(ALICE, PASSWORD)}`,
    "AUTHENTICATE LOGIN",
  ];
  for (const attempt of attempts) {
    const { status, text } = await client.transact(attempt);
    assert.equal(status, "NO");
    assert.match(text, /^\[PRIVACYREQUIRED\]/);
  }
  assert.equal(stage.old.connections.length, 0);
});

Deno.test("LOGIN takes atoms, quoted strings with escapes and both kinds of literal", async () => {
  await using stage = await Stage.create();
  const odd = 'q"uo\\te';
  const forms: [string, string][] = [
    [`LOGIN ${ALICE} atom`, "atom"],
    [`LOGIN "${ALICE}" "q\\"uo\\\\te"`, odd],
    [`LOGIN {${ALICE.length}+}\r\n${ALICE} {${odd.length}+}\r\n${odd}`, odd],
    [`login {${ALICE.length}+}\r\n${ALICE} ""`, ""],
  ];
  for (const [command, password] of forms) {
    using client = await stage.client();
    assert.equal((await client.transact(command)).status, "OK", command);
    const seen = stage.old.last.credentials[0]!;
    assert.deepEqual([seen.authcid, seen.secret], [ALICE, password], command);
  }
  using client = await stage.client();
  const reply = await exchange(client, `LOGIN {${ALICE.length}}`, [
    `${ALICE} {${odd.length}}`,
    odd,
  ]);
  assert.equal(reply.status, "OK");
  assert.equal(stage.old.last.credentials[0]!.secret, odd);
});

Deno.test("AUTHENTICATE takes every mechanism with and without an initial response", async () => {
  await using stage = await Stage.create();
  const oauth = `n,a=${ALICE},\u0001host=h\u0001auth=Bearer tok\u0001\u0001`;
  const xoauth = `user=${ALICE}\u0001auth=Bearer tok\u0001\u0001`;
  const cases: [string, string[], string, string][] = [
    [`PLAIN ${plain(ALICE, PASSWORD)}`, [], "PLAIN", PASSWORD],
    ["PLAIN", [plain(ALICE, PASSWORD)], "PLAIN", PASSWORD],
    ["plain", [plain(ALICE, PASSWORD)], "PLAIN", PASSWORD],
    ["LOGIN", [base64(ALICE), base64(PASSWORD)], "PLAIN", PASSWORD],
    [`LOGIN ${base64(ALICE)}`, [base64(PASSWORD)], "PLAIN", PASSWORD],
    [`OAUTHBEARER ${base64(oauth)}`, [], "OAUTHBEARER", "tok"],
    ["OAUTHBEARER", [base64(oauth)], "OAUTHBEARER", "tok"],
    [`XOAUTH2 ${base64(xoauth)}`, [], "XOAUTH2", "tok"],
    ["XOAUTH2", [base64(xoauth)], "XOAUTH2", "tok"],
  ];
  for (const [command, steps, mechanism, secret] of cases) {
    using client = await stage.client();
    const reply = await exchange(client, `AUTHENTICATE ${command}`, steps);
    assert.equal(reply.status, "OK", command);
    const seen = stage.old.last.credentials[0]!;
    assert.deepEqual(
      [seen.mechanism, seen.authcid, seen.secret],
      [mechanism, ALICE, secret],
      command,
    );
  }
});

Deno.test("PLAIN's authorization identity reaches the backend and does not route", async () => {
  await using stage = await Stage.create();
  using client = await stage.client();
  const response = plain(ALICE, PASSWORD, BOB);
  await client.transact(`AUTHENTICATE PLAIN ${response}`);
  assert.equal(stage.old.last.credentials[0]!.authzid, BOB);
  assert.equal(stage.new_.connections.length, 0);
});

Deno.test("an aborted, unknown or broken exchange is answered and the dialogue goes on", async () => {
  await using stage = await Stage.create({
    config: {
      capabilities: { imap: { sasl: ["PLAIN"] } },
      listener: { imaps: { max_auth_attempts: 20 } },
    },
  });
  using client = await stage.client();
  const aborted = await exchange(client, "AUTHENTICATE PLAIN", ["*"]);
  assert.equal(aborted.status, "BAD");
  // What is not offered is not accepted either.
  for (const mechanism of ["LOGIN", "XOAUTH2", "CRAM-MD5", "NONSENSE"]) {
    const { status } = await client.transact(`AUTHENTICATE ${mechanism} AAAA`);
    assert.equal(status, "NO", mechanism);
  }
  const broken = await client.transact("AUTHENTICATE PLAIN !!!notbase64");
  assert.match(broken.status, /^(BAD|NO)$/);
  const nul = await client.transact(
    `AUTHENTICATE PLAIN ${base64(`\0${ALICE}\0pw\0more`)}`,
  );
  assert.match(nul.status, /^(BAD|NO)$/);
  assert.equal(stage.old.connections.length, 0);
  assert.equal((await client.transact(login(ALICE))).status, "OK");
});

Deno.test("commands before login: the allowed ones work, all others get BAD", async () => {
  await using stage = await Stage.create();
  using client = await stage.client();
  assert.equal((await client.transact("NOOP")).status, "OK");
  const id = await client.transact('ID ("name" "client" "version" NIL)');
  assert.equal(id.status, "OK");
  assert.match(id.untagged[0]!, /^\* ID /);
  assert.equal((await client.transact("ID NIL")).status, "OK");
  const literal = await client.transact('ID ("name" {3+}\r\nabc)');
  assert.equal(literal.status, "OK");
  for (
    const command of ["SELECT INBOX", "IDLE", "XYZZY", "STARTTLS", "LOGIN"]
  ) {
    assert.equal((await client.transact(command)).status, "BAD", command);
  }
  const bye = await client.transact("LOGOUT");
  assert.match(bye.untagged[0]!, /^\* BYE /);
  assert.equal(bye.status, "OK");
  assert.equal(await client.rest(), "");
  assert.equal((await stage.proxy.ended(client)).reason, "logout");
});

Deno.test("what is pipelined behind a login reaches the backend", async () => {
  await using stage = await Stage.create();
  using client = await stage.client();
  await client.send(`x1 ${login(ALICE)}\r\nx2 NOOP\r\nx3 SELECT INBOX\r\n`);
  assert.equal((await client.reply("x1")).status, "OK");
  assert.equal((await client.reply("x2")).text, "NOOP old");
  assert.deepEqual((await client.reply("x3")).untagged, ["* 1 EXISTS"]);
});

Deno.test("what the backend sends around its OK reaches the client", async () => {
  await using stage = await Stage.create({
    old: {
      beforeOk: ["* OK [ALERT] maintenance tonight"],
      behindOk: "* 7 EXISTS\r\n* 2 RECENT\r\n",
    },
  });
  using client = await stage.client();
  const reply = await client.transact(login(ALICE));
  assert.ok(reply.untagged.includes("* OK [ALERT] maintenance tonight"));
  assert.match(reply.text, /^\[CAPABILITY IMAP4rev1 IDLE X-OLD\]/);
  assert.equal(await client.line(), "* 7 EXISTS");
  assert.equal(await client.line(), "* 2 RECENT");
});

Deno.test("half-closes and bulk in both directions survive the bridge", async () => {
  await using stage = await Stage.create();
  using client = await stage.loggedIn(ALICE);
  const size = 3_000_000;
  await client.send(`b1 XBLAST ${size}\r\n`);
  const bytes = await client.readBytes(size);
  assert.ok(bytes?.every((byte) => byte === 120));
  assert.equal(await client.line(), "");
  assert.equal((await client.reply("b1")).status, "OK");
  await client.send("b2 XHALF\r\n");
  assert.equal(await client.lineOrEnd(), null);
  await client.send(new Uint8Array(size));
  client.close();
  const record = await stage.proxy.ended(client);
  assert.ok(Number(record.bytes_out) >= size, JSON.stringify(record));
  assert.ok(Number(record.bytes_in) >= size, JSON.stringify(record));
});

Deno.test("a refused login is answered and the next one goes to its own account's destination", async () => {
  await using stage = await Stage.create({
    old: { refuse: () => ["NO [AUTHENTICATIONFAILED] wrong, says old"] },
  });
  using client = await stage.client();
  const refused = await client.transact(login(ALICE, "wrong"));
  assert.deepEqual(
    [refused.status, refused.text],
    ["NO", "[AUTHENTICATIONFAILED] wrong, says old"],
  );
  // Back before the login: the proxy answers, not the old server.
  assert.equal((await client.transact("SELECT INBOX")).status, "BAD");
  const accepted = await client.transact(login(BOB));
  assert.match(accepted.text, /logged in to new/);
  assert.equal(stage.old.last.credentials.length, 1);
  assert.equal(stage.old.openSessions().length, 0);
  const failed = await stage.proxy.event("login_failed");
  assert.match(String(failed.client), /^127\.0\.0\.1/);
  assert.equal(failed.listener, "imaps");
  assert.ok(failed.reason);
});

Deno.test("max_auth_attempts counts refused and malformed logins, not commands that are not allowed", async () => {
  await using stage = await Stage.create({
    old: { refuse: () => ["NO no"] },
  });
  using client = await stage.client();
  assert.equal((await client.transact(login(ALICE))).status, "NO");
  assert.equal((await client.transact("SELECT INBOX")).status, "BAD");
  assert.equal((await client.transact("SELECT INBOX")).status, "BAD");
  assert.equal((await client.transact("LOGIN only-a-user")).status, "BAD");
  assert.equal((await client.transact("NOOP")).status, "OK");
  const tag = client.nextTag();
  await client.send(`${tag} ${login(ALICE)}\r\n`);
  const rest = await client.rest();
  assert.match(rest, new RegExp(`^${tag} NO no\r$`, "m"));
  assert.match(rest, /^\* BYE /m);
  assert.equal((await stage.proxy.ended(client)).reason, "auth-attempts");
});

Deno.test("hide_auth_errors hides every line of a refusal, and without it all pass", async () => {
  const refuse = () => [
    "* OK [ALERT] account locked by billing",
    "* NO disk gone",
    "NO [EXPIRED] password expired",
  ];
  await using open = await Stage.create({ old: { refuse } });
  using client = await open.client();
  const shown = await client.transact(login(ALICE));
  assert.deepEqual(shown.untagged, refuse().slice(0, 2));
  assert.equal(shown.text, "[EXPIRED] password expired");

  await using hidden = await Stage.create({
    old: { refuse },
    oldDestination: { hide_auth_errors: true },
  });
  using other = await hidden.client();
  const reply = await other.transact(login(ALICE));
  assert.deepEqual(reply.untagged, []);
  assert.equal(reply.status, "NO");
  assert.match(reply.text, /^\[AUTHENTICATIONFAILED\]/);
  assert.doesNotMatch(reply.text, /expired|billing/);
});

Deno.test("master users are routed by the mailbox owner and replayed in full", async () => {
  await using stage = await Stage.create({
    config: { routing: { master_user_separators: ["*", "%"] } },
  });
  for (const separator of ["*", "%"]) {
    using client = await stage.client();
    const user = `${BOB}${separator}admin`;
    assert.match((await client.transact(login(user))).text, /to new$/);
    assert.equal(stage.new_.last.credentials[0]!.authcid, user);
  }
});

Deno.test("identifiers are looked up as normalize says and replayed as typed", async () => {
  await using lower = await Stage.create({
    config: { mapping: { normalize: "lowercase" } },
  });
  using client = await lower.loggedIn("BOB@Example.COM");
  assert.equal(lower.new_.last.credentials[0]!.authcid, "BOB@Example.COM");
  assert.equal((await client.transact("NOOP")).text, "NOOP new");

  await using exact = await Stage.create();
  using other = await exact.loggedIn("BOB@Example.COM");
  assert.equal((await other.transact("NOOP")).text, "NOOP old");
});

Deno.test("an identifier that cannot be one is refused without a backend", async () => {
  await using stage = await Stage.create({
    config: { listener: { imaps: { max_auth_attempts: 20 } } },
  });
  using client = await stage.client();
  const users = ["", "two words", 'quo"te', "x".repeat(321), "tab\tbed"];
  for (const user of users) {
    const response = plain(user, PASSWORD);
    const { status, text } = await client.transact(
      `AUTHENTICATE PLAIN ${response}`,
    );
    assert.equal(status, "NO", user);
    assert.match(text, /^\[UNAVAILABLE\]/, user);
  }
  assert.equal(stage.old.connections.length, 0);
});

Deno.test("clear text behind STARTTLS ends the connection and is never executed", async () => {
  await using stage = await Stage.create();
  using client = await stage.plainClient();
  await client.send("s1 STARTTLS\r\ns2 NOOP\r\n");
  const rest = await client.rest();
  assert.doesNotMatch(rest, /s2/);
  const record = await stage.proxy.ended(client);
  assert.equal(record.reason, "cleartext-after-starttls");
});

Deno.test("clear text behind the backend's STARTTLS reply ends that leg before the credentials", async () => {
  await using stage = await Stage.create({ old: { tls: "starttls" } });
  stage.old.faults = {
    starttls: {
      kind: "send",
      data: "%t OK begin\r\n* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n",
      then: "hang",
    },
  };
  using client = await stage.client();
  const { status, text } = await client.transact(login(ALICE));
  assert.equal(status, "NO");
  assert.match(text, /^\[UNAVAILABLE\]/);
  assert.equal(stage.old.last.credentials.length, 0);
});

Deno.test("a STARTTLS leg and an implicit leg are encrypted when the credentials come", async () => {
  for (const tls of ["starttls", "implicit"] as const) {
    await using stage = await Stage.create({ old: { tls } });
    using client = await stage.loggedIn(ALICE);
    assert.equal(stage.old.last.secure, true, tls);
    assert.equal((await client.transact("NOOP")).text, "NOOP old");
  }
});

Deno.test("one byte at a time is a login like any other", async () => {
  await using stage = await Stage.create();
  using client = await stage.plainClient();
  await client.sendSlowly("n1 noop\r\n");
  assert.equal((await client.reply("n1")).status, "OK");
  await client.startTls();
  await client.sendSlowly(`n2 LOGIN {${ALICE.length}+}\r\n${ALICE} "pw"\r\n`);
  assert.equal((await client.reply("n2")).status, "OK");
});
