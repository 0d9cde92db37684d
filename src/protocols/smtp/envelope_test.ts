import assert from "node:assert/strict";
import {
  envelopeCommand,
  mailboxOf,
  missingAt,
  parseEnvelope,
  understands,
  withLowerDomain,
  withoutDetail,
} from "./envelope.ts";

const mail = (argument: string) => parseEnvelope(argument, "FROM")!;

Deno.test("parseEnvelope reads paths and parameters, and no others", () => {
  assert.deepEqual(mail("FROM:<>"), { path: "", parameters: new Map() });
  const full = mail("from: <a@x.example> size=10 BODY=8bitmime SMTPUTF8");
  assert.equal(full.path, "a@x.example");
  assert.deepEqual([...full.parameters], [
    ["SIZE", "10"],
    ["BODY", "8bitmime"],
    ["SMTPUTF8", null],
  ]);
  assert.equal(mail('FROM:<"a > b\\""@x>').path, '"a > b\\""@x');
  for (
    const bad of [
      "",
      "FROM",
      "FROM:",
      "FROM:a@x",
      "FROM:<a@x",
      "FROM:<a b@x>",
      "FROM:<a@x>SIZE=1",
      "FROM:<a@x> SIZE=1 SIZE=1",
      "FROM:<a@x> =1",
      "FROM:<\ufffd@x>",
      "TO:<a@x>",
      `FROM:<${"a".repeat(1001)}>`,
    ]
  ) assert.equal(parseEnvelope(bad, "FROM"), null, bad);
});

Deno.test("understands takes parameters of offered keywords alone", () => {
  const offered = new Set(["SIZE", "8BITMIME"]);
  const ok = (text: string) => understands("MAIL", mail(text), offered);
  assert.ok(ok("FROM:<> SIZE=1 BODY=7BIT"));
  for (
    const bad of ["SIZE", "SIZE=x", "BODY=BINARYMIME", "SMTPUTF8", "RET=HDRS"]
  ) assert.ok(!ok(`FROM:<> ${bad}`), bad);
  const rcpt = parseEnvelope("TO:<a@x> NOTIFY=NEVER", "TO")!;
  assert.ok(!understands("RCPT", rcpt, offered));
  assert.ok(understands("RCPT", rcpt, new Set(["DSN"])));
});

Deno.test("envelopeCommand leaves out what the server does not know", () => {
  const from = mail("FROM:<a@x> SIZE=5 BODY=8BITMIME");
  assert.equal(
    envelopeCommand("MAIL", from, new Set(["SIZE", "8BITMIME"])),
    "MAIL FROM:<a@x> SIZE=5 BODY=8BITMIME",
  );
  assert.equal(envelopeCommand("MAIL", from, new Set()), "MAIL FROM:<a@x>");
});

Deno.test("missingAt tells what a message needs", () => {
  assert.equal(missingAt(mail("FROM:<a> BODY=7BIT"), new Set()), null);
  assert.equal(
    missingAt(mail("FROM:<a> BODY=8BITMIME"), new Set()),
    "8BITMIME",
  );
  assert.equal(missingAt(mail("FROM:<é@x>"), new Set()), "SMTPUTF8");
  assert.equal(
    missingAt(mail("FROM:<a> SMTPUTF8"), new Set(["SMTPUTF8"])),
    null,
  );
});

Deno.test("withoutDetail cuts the local part at the first delimiter", () => {
  assert.equal(withoutDetail("a+b+c@x", "+"), "a@x");
  assert.equal(withoutDetail("a-b@x-y", "-"), "a@x-y");
  for (const none of ["a@x", "+b@x", "a@x+y", "a"]) {
    assert.equal(withoutDetail(none, "+"), null, none);
  }
  assert.equal(withoutDetail("a+b", "+"), "a");
  assert.equal(withoutDetail("a+b@x", ""), null);
});

Deno.test("mailboxOf drops a source route", () => {
  assert.equal(mailboxOf("@a,@b:c@d"), "c@d");
  assert.equal(mailboxOf('"@a:b"@d'), "@a:b@d");
  assert.equal(mailboxOf('"al\\ice"@d'), "alice@d");
});

Deno.test("withLowerDomain leaves the local part alone", () => {
  assert.equal(withLowerDomain("Al@ice@EXAMPLE.com"), "Al@ice@example.com");
  assert.equal(withLowerDomain("Postmaster"), "Postmaster");
});
