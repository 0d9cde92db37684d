import assert from "node:assert/strict";
import { FakeClock } from "../../tests/support/fake_clock.ts";
import { SeededRandom } from "../../tests/support/random.ts";
import { FailureTable } from "./failure_table.ts";

const RULE = { threshold: 4, window: 1000, refusalTime: 5000 };

Deno.test("FailureTable agrees with every failure written down, whatever the times", () => {
  const random = new SeededRandom(530);
  const clock = new FakeClock();
  const table = new FailureTable(RULE, clock);
  const names = ["a", "b", "c", "d", "e"];
  const model = new Map<string, { times: number[]; until: number }>();
  const current = (name: string) => {
    const known = model.get(name);
    if (!known) return null;
    const now = clock.now();
    const over = known.until > 0
      ? now >= known.until
      : now - known.times.at(-1)! > RULE.window;
    return over ? null : known;
  };
  for (let step = 0; step < 20_000; step++) {
    const name = random.pick(names);
    const act = random.next();
    if (act < 0.5) {
      const known = current(name) ?? { times: [], until: 0 };
      model.set(name, known);
      known.times.push(clock.now());
      if (known.times.length >= RULE.threshold && known.until === 0) {
        known.until = clock.now() + RULE.refusalTime;
      }
      assert.equal(table.add(name), known.times.length);
    } else if (act < 0.52) {
      assert.equal(table.clear(name) || current(name) === null, true);
      model.delete(name);
    } else clock.advance(random.below(700));
    const known = current(name);
    assert.equal(table.count(name), known?.times.length ?? 0);
    assert.equal(
      table.refusedFor(name),
      Math.max(0, (known?.until ?? 0) - clock.now()),
    );
    assert.deepEqual(
      table.names().sort(),
      names.filter((other) => current(other) !== null),
    );
  }
});

Deno.test("FailureTable forgets the name that failed longest ago when there are too many", () => {
  const table = new FailureTable(RULE, new FakeClock(), 3);
  for (const name of ["a", "b", "c", "a", "d"]) table.add(name);
  assert.deepEqual(table.names().sort(), ["a", "c", "d"]);
});

Deno.test("FailureTable counts nothing without a threshold, and forgets when it is taken away", () => {
  const table = new FailureTable(RULE, new FakeClock());
  table.add("a");
  table.configure({ ...RULE, threshold: 0 });
  assert.equal(table.count("a"), 0);
  assert.equal(table.add("a"), 0);
  assert.deepEqual(table.names(), []);
});

Deno.test("FailureTable goes on where that of another process was", () => {
  const clock = new FakeClock();
  const before = new FailureTable(RULE, clock);
  for (let i = 0; i < RULE.threshold; i++) before.add("refused");
  before.add("counted");
  clock.advance(400);
  const later = new FakeClock();
  const after = new FailureTable(RULE, later);
  after.restore(before.save());
  assert.equal(after.refusedFor("refused"), RULE.refusalTime - 400);
  assert.equal(after.count("counted"), 1);
  later.advance(RULE.window - 399);
  assert.equal(after.count("counted"), 0);
});
