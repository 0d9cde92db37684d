import assert from "node:assert/strict";
import { FakeClock } from "../../tests/support/fake_clock.ts";
import { SharedTimers } from "./shared_timers.ts";

/** The names of timers, with when they ran. */
function recording() {
  const clock = new FakeClock();
  const timers = new SharedTimers(clock);
  const ran: [name: string, at: number][] = [];
  const after = (ms: number, name: string) =>
    timers.after(ms, () => ran.push([name, clock.now()]));
  return { clock, timers, ran, after };
}

Deno.test("SharedTimers runs each when it is due, whatever its length", () => {
  const { clock, ran, after } = recording();
  after(5000, "a");
  clock.advance(1000);
  after(5000, "b");
  after(100, "c");
  clock.advance(2000);
  after(5000, "d");
  clock.advance(10_000);
  assert.deepEqual(ran, [["c", 1100], ["a", 5000], ["b", 6000], ["d", 8000]]);
});

Deno.test("SharedTimers arms one timer for many of a length, and none in the end", () => {
  const { clock, ran, after } = recording();
  const cancels = Array.from({ length: 1000 }, (_, i) => after(5000, `${i}`));
  assert.equal(clock.armed, 1);
  for (const cancel of cancels) cancel();
  clock.advance(4000);
  after(5000, "last");
  assert.equal(clock.armed, 1);
  clock.advance(5000);
  assert.deepEqual(ran, [["last", 9000]]);
  assert.equal(clock.armed, 0);
});

Deno.test("SharedTimers runs none that was cancelled, by one before it in the same moment either", () => {
  const { clock, timers, ran, after } = recording();
  let cancelSecond = () => {};
  timers.after(50, () => cancelSecond());
  cancelSecond = after(50, "second");
  after(50, "third")();
  after(50, "fourth");
  clock.advance(50);
  assert.deepEqual(ran, [["fourth", 50]]);
});

Deno.test("SharedTimers takes new ones from what it runs", () => {
  const { clock, timers, ran, after } = recording();
  timers.after(50, () => after(50, "again"));
  clock.advance(50);
  assert.equal(clock.armed, 1);
  clock.advance(50);
  assert.deepEqual(ran, [["again", 100]]);
});

Deno.test("SharedTimers goes on behind one that throws", () => {
  const { clock, timers, ran, after } = recording();
  timers.after(50, () => {
    throw new Error("meant");
  });
  after(50, "next");
  assert.throws(() => clock.advance(50), /meant/);
  clock.advance(1);
  assert.deepEqual(ran.map(([name]) => name), ["next"]);
});
