import assert from "node:assert/strict";
import { StageTimes } from "./stage_times.ts";

Deno.test("StageTimes adds up what ended well", async () => {
  const times = new StageTimes();
  times.add("dial", 3);
  times.add("dial", 4);
  assert.equal(await times.during("lookup", () => Promise.resolve(7)), 7);
  const failing = times.during("auth", () => Promise.reject(new Error("no")));
  await assert.rejects(failing);
  assert.deepEqual([...times.all()].map(([stage]) => stage), [
    "dial",
    "lookup",
  ]);
  assert.equal(times.of("dial"), 7);
  assert.ok(times.of("lookup") >= 0 && times.total >= times.of("lookup"));
});
