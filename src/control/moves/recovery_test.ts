import assert from "node:assert/strict";
import { FakeClock } from "../../../tests/support/fake_clock.ts";
import type { Parts } from "../parts.ts";
import { RECOVERY_MS, recoveryOf } from "./recovery.ts";

Deno.test("recoveryOf waits for a store to come back, and for one that does not only once", async () => {
  const clock = new FakeClock();
  let serving = true;
  const store = { health: () => ({ serving, problem: null }) };
  const recovered = recoveryOf({ store } as unknown as Parts, clock);
  await recovered();
  const waiting = async (ms: number) => {
    let isOver = false;
    const over = recovered().then(() => isOver = true);
    for (let left = ms; left > 0; left -= 100) {
      assert.equal(isOver, false);
      await Promise.resolve();
      clock.advance(100);
      for (let i = 0; i < 5; i++) await Promise.resolve();
      if (left === 200) serving = ms !== RECOVERY_MS;
    }
    await over;
  };
  serving = false;
  await waiting(2000);
  serving = false;
  await waiting(RECOVERY_MS);
  await recovered();
  serving = true;
  await recovered();
  serving = false;
  await waiting(2000);
});
