import assert from "node:assert/strict";
import { chunkCommand, parseChunk } from "./chunk.ts";

Deno.test("parseChunk reads sizes that can be counted, and LAST", () => {
  assert.deepEqual(parseChunk("0"), { size: 0, last: false });
  assert.deepEqual(parseChunk("00012 last"), { size: 12, last: true });
  assert.deepEqual(parseChunk("86 \t LAST"), { size: 86, last: true });
  assert.equal(parseChunk("2147483647")?.size, 2 ** 31 - 1);
  for (
    const bad of [
      ...["", "LAST", "-1", "+1", "1.5", "0x10", "1e3", " 1", "1LAST"],
      ...["1 LAST x", "1 FIRST", "1,LAST", "\u0661", "1 LAST ", "1\u00a0LAST"],
      ...["2147483648", "4294967301", "9".repeat(20), "0".repeat(21)],
    ]
  ) assert.equal(parseChunk(bad), null, bad);
});

Deno.test("chunkCommand writes what parseChunk reads", () => {
  assert.equal(chunkCommand({ size: 0, last: true }), "BDAT 0 LAST\r\n");
  assert.equal(chunkCommand({ size: 2e9, last: false }), "BDAT 2000000000\r\n");
});
