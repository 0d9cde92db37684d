import assert from "node:assert/strict";
import { MemoryTrim } from "./memory_trim.ts";

Deno.test("MemoryTrim waits until a burst is over, and for one worth it", () => {
  let ended = 0;
  let trims = 0;
  const trim = new MemoryTrim(() => ended, () => trims++);
  const after = (sessions: number) => {
    ended += sessions;
    trim.look();
    return trims;
  };
  assert.equal(after(500), 0);
  assert.equal(after(0), 0, "too few to be worth it");
  assert.equal(after(600), 0, "still going on");
  assert.equal(after(10), 1);
  assert.equal(after(0), 1, "nothing new since");
  assert.equal(after(1000), 1);
  assert.equal(after(0), 2);
});
