import assert from "node:assert/strict";
import { Progress, progressLine } from "./progress.ts";

Deno.test("progressLine has a bar, the rate and the time that remains", () => {
  assert.equal(
    progressLine({ done: 25, total: 100, rows: 1_234_567, elapsed: 10_000 }),
    "[######------------------] 25%  1,234,567 rows  123,457 rows/s  0:30 left",
  );
  assert.equal(
    progressLine({ done: 1, total: 10_000, rows: 1, elapsed: 1000 }),
    "[------------------------] 0%  1 rows  1 rows/s  2:46:39 left",
  );
  assert.equal(
    progressLine({ done: 5, total: null, rows: 1000, elapsed: 2000 }),
    "1,000 rows  500 rows/s",
  );
  assert.equal(
    progressLine({ done: 0, total: 100, rows: 0, elapsed: 0 }),
    "[------------------------] 0%  0 rows  0 rows/s",
  );
});

Deno.test("Progress writes nothing where there is no terminal, and takes its line away", () => {
  const silent = new Progress(null);
  silent.update({ done: 1, total: 2, rows: 1 });
  silent.say("writing");
  silent.end();
  const written: string[] = [];
  const brief = new Progress((text) => written.push(text));
  brief.update({ done: 1, total: 2, rows: 1 });
  brief.say("writing");
  brief.end();
  // What is over at once flashes nothing.
  assert.deepEqual(written, []);
});
