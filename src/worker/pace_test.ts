import assert from "node:assert/strict";
import { Pace } from "./pace.ts";

Deno.test("Pace lets a tenth of a second's worth through at once, and spreads what follows", () => {
  const waits: number[] = [];
  const clock = { now: 1000 };
  const pace = new Pace(
    {
      after: (ms: number) => {
        waits.push(ms);
        return { cancel() {} };
      },
    } as unknown as ConstructorParameters<typeof Pace>[0],
    () => clock.now,
  );
  assert.equal(pace.turn(), null);
  pace.configure(50);
  const turns = Array.from({ length: 9 }, () => pace.turn());
  assert.equal(turns.filter((turn) => turn === null).length, 6);
  assert.deepEqual(waits, [20, 40, 60]);
  clock.now += 1000;
  assert.equal(pace.turn(), null);
  pace.configure(null);
  assert.equal(pace.turn(), null);
});
