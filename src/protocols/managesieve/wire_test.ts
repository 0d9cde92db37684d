import assert from "node:assert/strict";
import { encodeString, tokens } from "./wire.ts";

const line = (...lines: string[]) => ({ lines, literals: [] });
const texts = (pieces: Parameters<typeof tokens>[0]) =>
  tokens(pieces)?.map(({ kind, text }) => `${kind} ${text}`) ?? null;

Deno.test("tokens tells atoms, quoted strings and literals apart", () => {
  assert.deepEqual(texts(line('NOOP "a \\"b\\" \\\\" x-1.y=z {')), null);
  assert.deepEqual(texts(line('NOOP "a \\"b\\" \\\\" x-1.y=z')), [
    "atom NOOP",
    'string a "b" \\',
    "atom x-1.y=z",
  ]);
  assert.deepEqual(
    texts({ lines: ["PUT ", " ", ""], literals: ["a\r\nb", ""] }),
    ["atom PUT", "string a\r\nb", "string "],
  );
  assert.deepEqual(texts(line('"jürg"')), ["string jürg"]);
});

Deno.test("tokens refuses what breaks the grammar", () => {
  const wrong = [
    "",
    " ",
    " A",
    "A ",
    "A  B",
    'A"b"',
    '"a"b',
    '"a',
    '"a\\b"',
    "A \0",
    '"\0"',
    "jürg",
    "A (B)",
    "*",
  ];
  for (const text of wrong) {
    assert.equal(texts(line(text)), null, JSON.stringify(text));
  }
  // A literal that touches its neighbours.
  assert.equal(texts({ lines: ["A", ""], literals: ["b"] }), null);
  assert.equal(texts({ lines: ["A ", "c"], literals: ["b"] }), null);
});

Deno.test("encodeString goes over to a literal where RFC 5804 wants one", () => {
  assert.equal(encodeString('a "b" \\', "client"), '"a \\"b\\" \\\\"');
  assert.equal(encodeString("", "server"), '""');
  const long = "x".repeat(1024);
  assert.equal(encodeString(long, "server"), `"${long}"`);
  assert.equal(encodeString(`${long}x`, "server"), `{1025}\r\n${long}x`);
  assert.equal(encodeString(`${long}x`, "client"), `{1025+}\r\n${long}x`);
  assert.equal(
    encodeString("ü".repeat(513), "server").slice(0, 8),
    "{1026}\r\n",
  );
  assert.equal(encodeString("a\r\nb", "server"), "{4}\r\na\r\nb");
});

Deno.test("tokens and encodeString are inverse for quoted strings", () => {
  for (const text of ["", "a b", '\\"', "ü ☃", "{3}", "*"]) {
    assert.deepEqual(texts(line(encodeString(text, "client"))), [
      `string ${text}`,
    ]);
  }
});
