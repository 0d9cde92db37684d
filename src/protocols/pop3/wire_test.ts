import assert from "node:assert/strict";
import { bytes } from "../../../tests/support/one_sided.ts";
import { capabilityWords, parseCommand, parseReply } from "./wire.ts";

Deno.test("parseCommand keeps an argument as it came", () => {
  const parse = (text: string, bare = false) => {
    const command = parseCommand({ bytes: bytes(text), bare });
    const { rest } = command;
    return { ...command, rest: rest && String.fromCharCode(...rest) };
  };
  const whole = { damaged: false, rest: null };
  assert.deepEqual(parse("quit"), { ...whole, name: "QUIT" });
  assert.deepEqual(parse("PASS  a b "), {
    ...whole,
    name: "PASS",
    rest: " a b ",
  });
  assert.deepEqual(parse("PASS "), { ...whole, name: "PASS", rest: "" });
  assert.deepEqual(parse(""), { ...whole, name: "" });
  for (const text of ["NOOP\0", "USER a\rb", "PASS a\0b"]) {
    assert.ok(parse(text).damaged, text);
  }
  assert.ok(parse("NOOP", true).damaged);
});

Deno.test("parseReply knows the three marks and nothing else", () => {
  const is = (line: string) => {
    const reply = parseReply(line);
    return reply && `${reply.kind} ${reply.text}`;
  };
  assert.equal(is("+OK 2 320"), "ok 2 320");
  assert.equal(is("+OK"), "ok ");
  assert.equal(is("+ok fine"), "ok fine");
  assert.equal(is("-ERR [IN-USE] busy"), "err [IN-USE] busy");
  assert.equal(is("-err"), "err ");
  assert.equal(is("+ dGVzdA=="), "challenge dGVzdA==");
  assert.equal(is("+"), "challenge ");
  for (const line of ["", "+OKAY", "-ERROR", "++", "* OK", " +OK", "220 x"]) {
    assert.equal(is(line), null, line);
  }
});

Deno.test("capabilityWords reads the example of RFC 2449 section 5", () => {
  const words = capabilityWords([
    "TOP",
    "USER",
    "SASL CRAM-MD5 KERBEROS_V4",
    "RESP-CODES",
    "LOGIN-DELAY 900",
    "PIPELINING",
    "EXPIRE 60",
    "UIDL",
    "IMPLEMENTATION Shlemazle-Plotz-v302",
  ]);
  for (
    const word of [
      "TOP",
      "SASL",
      "SASL CRAM-MD5",
      "SASL KERBEROS_V4",
      "EXPIRE 60",
      "IMPLEMENTATION SHLEMAZLE-PLOTZ-V302",
    ]
  ) assert.ok(words.has(word), word);
  assert.ok(!words.has("CRAM-MD5"));
  assert.deepEqual([...capabilityWords(["", " ", "sasl  plain "])], [
    "SASL",
    "SASL PLAIN",
  ]);
});
