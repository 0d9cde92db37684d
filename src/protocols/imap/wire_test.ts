import assert from "node:assert/strict";
import {
  isAstringChar,
  isLenientAstringChar,
  isQuotable,
  literalAtEnd,
  quoted,
} from "./wire.ts";

const bytes = (text: string) =>
  Uint8Array.from(text, (char) => char.charCodeAt(0));

Deno.test("literalAtEnd finds an announcement at the end of a line only", () => {
  assert.deepEqual(literalAtEnd(bytes("a LOGIN {11}")), {
    size: 11,
    synchronizing: true,
    start: 8,
  });
  assert.deepEqual(literalAtEnd(bytes("{0+}")), {
    size: 0,
    synchronizing: false,
    start: 0,
  });
  for (
    const line of [
      "",
      "{}",
      "{+}",
      "{1}x",
      "{-1}",
      "{1-}",
      "1}",
      "{1+ }",
      '"{1}"',
      "{ 1}",
    ]
  ) {
    assert.equal(literalAtEnd(bytes(line)), null, line);
  }
  // Too many digits for the tail that is looked at: no literal, so nothing is waited for.
  assert.equal(literalAtEnd(bytes(`{${"9".repeat(40)}+}`)), null);
});

Deno.test("isAstringChar follows RFC 9051 section 9 for every octet", () => {
  const special = new Set(bytes('(){%*"\\'));
  for (let byte = 0; byte < 256; byte++) {
    assert.equal(
      isAstringChar(byte),
      byte > 32 && byte < 127 && !special.has(byte),
      String(byte),
    );
    const lenient = isAstringChar(byte) ||
      "%*\\".includes(String.fromCharCode(byte));
    assert.equal(isLenientAstringChar(byte), lenient);
  }
});

Deno.test("quoted escapes what RFC 9051 says and isQuotable admits nothing else", () => {
  assert.equal(quoted('a"b\\c d'), '"a\\"b\\\\c d"');
  assert.equal(quoted(""), '""');
  assert.ok(isQuotable('a"b\\c %*{}()~'));
  for (const text of ["é", "\r", "\n", "\0", "\t", "\x7f"]) {
    assert.equal(isQuotable(text), false);
  }
});
