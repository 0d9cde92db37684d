import assert from "node:assert/strict";
import { Distribution } from "./distribution.ts";

Deno.test("Distribution counts into buckets, and takes in what another has", () => {
  const one = new Distribution([1, 10]);
  for (const value of [0, 1, 1.5, 11]) one.observe(value);
  assert.deepEqual(one.counted(), { counts: [2, 1, 1], sum: 13.5 });
  const all = new Distribution([1, 10]);
  all.add(one.counted());
  all.add(one.counted());
  assert.deepEqual(all.counted(), { counts: [4, 2, 2], sum: 27 });
  assert.deepEqual(one.counted(), { counts: [2, 1, 1], sum: 13.5 });
});
