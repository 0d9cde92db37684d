import assert from "node:assert/strict";
import { quoted } from "../literal.ts";
import { isAstringChar, isLenientAstringChar, isQuotable } from "./wire.ts";

const bytes = (text: string) =>
  Uint8Array.from(text, (char) => char.charCodeAt(0));

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
