import assert from "node:assert/strict";
import { fingerprint } from "./fingerprint.ts";

Deno.test("fingerprint tells documents apart, and not the order of their keys", () => {
  const hash = fingerprint({ a: 1, b: [{ c: 2, d: 3 }] });
  assert.match(hash, /^[0-9a-f]{16}$/);
  assert.equal(fingerprint({ b: [{ d: 3, c: 2 }], a: 1 }), hash);
  assert.notEqual(fingerprint({ a: 1, b: [{ c: 2, d: 4 }] }), hash);
  assert.notEqual(fingerprint(null), fingerprint(undefined));
});
