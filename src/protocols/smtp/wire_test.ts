import assert from "node:assert/strict";
import {
  domainOf,
  formatReply,
  parseCommand,
  parseEhlo,
  parseReplyLine,
} from "./wire.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

Deno.test("parseReplyLine reads the forms of RFC 5321 4.2", () => {
  assert.deepEqual(parseReplyLine("250 OK"), {
    code: 250,
    last: true,
    text: "OK",
  });
  assert.deepEqual(parseReplyLine("250-First line"), {
    code: 250,
    last: false,
    text: "First line",
  });
  assert.deepEqual(parseReplyLine("334"), { code: 334, last: true, text: "" });
  assert.deepEqual(parseReplyLine("334 "), { code: 334, last: true, text: "" });
  for (
    const bad of ["", "25", "2500", "150 x", "650 x", "250_x", "+OK", "abc"]
  ) {
    assert.equal(parseReplyLine(bad), null, bad);
  }
});

Deno.test("formatReply marks every line but the last", () => {
  assert.equal(formatReply(250, ["one"]), "250 one\r\n");
  assert.equal(
    formatReply(250, ["one", "two", "three"]),
    "250-one\r\n250-two\r\n250 three\r\n",
  );
});

Deno.test("parseCommand knows verbs in any case, and white space around arguments", () => {
  assert.deepEqual(parseCommand(bytes("ehlo  c.example \t")), {
    verb: "EHLO",
    argument: "c.example",
  });
  assert.deepEqual(parseCommand(bytes("QUIT")), { verb: "QUIT", argument: "" });
  assert.deepEqual(parseCommand(bytes("")), { verb: "", argument: "" });
  assert.deepEqual(parseCommand(bytes("STARTTLSX")), {
    verb: "STARTTLSX",
    argument: "",
  });
});

Deno.test("parseCommand refuses control characters wherever they stand", () => {
  for (const bad of ["\0NOOP", "NO\rOP", "NOOP \r", "NOOP \x7f", "NOOP\n"]) {
    assert.equal(parseCommand(bytes(bad)), null, JSON.stringify(bad));
  }
});

Deno.test("parseEhlo reads the example of RFC 4954 4.1 and the older form of AUTH", () => {
  const keywords = parseEhlo([
    "250-smtp.example.com Hello client.example.com",
    "250 AUTH GSSAPI DIGEST-MD5",
  ]);
  assert.deepEqual([...keywords], [["AUTH", ["GSSAPI", "DIGEST-MD5"]]]);
  const both = parseEhlo([
    "250-h",
    "250-auth login plain",
    "250-AUTH=LOGIN",
    "250-SIZE 1000",
    "250-",
    "250 8bitmime",
  ]);
  assert.deepEqual(both.get("AUTH"), ["LOGIN", "PLAIN", "LOGIN"]);
  assert.deepEqual(both.get("SIZE"), ["1000"]);
  assert.deepEqual([...both.keys()], ["AUTH", "SIZE", "8BITMIME"]);
});

Deno.test("domainOf writes addresses as the literals of RFC 5321 4.1.3", () => {
  assert.equal(domainOf("mail.example.com"), "mail.example.com");
  assert.equal(domainOf("192.0.2.1"), "[192.0.2.1]");
  assert.equal(domainOf("2001:db8::1"), "[IPv6:2001:db8::1]");
});
