import assert from "node:assert/strict";
import { Seldom } from "./seldom.ts";

Deno.test("Seldom lets one of each kind through in a stretch of time", () => {
  let now = 5;
  const seldom = new Seldom(100, () => now);
  assert.deepEqual(["a", "a", "b"].map((kind) => seldom.allows(kind)), [
    true,
    false,
    true,
  ]);
  now = 104;
  assert.equal(seldom.allows("a"), false);
  now = 105;
  assert.equal(seldom.allows("a"), true);
  assert.equal(seldom.allows("a"), false);
});
