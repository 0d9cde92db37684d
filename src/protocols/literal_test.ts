import assert from "node:assert/strict";
import { literalAtEnd } from "./literal.ts";

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
