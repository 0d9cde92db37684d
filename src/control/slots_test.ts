import assert from "node:assert/strict";
import { FakeClock } from "../../tests/support/fake_clock.ts";
import { SlotPool } from "./slots.ts";

function setup(limit: number) {
  const clock = new FakeClock();
  const unused = new Map<number, number>();
  const reclaimed: number[] = [];
  const pool = new SlotPool((worker) => {
    reclaimed.push(worker);
    const count = unused.get(worker);
    if (count === undefined) return Promise.reject(new Error("gone"));
    unused.set(worker, 0);
    return Promise.resolve(count);
  }, clock);
  pool.configure(new Map([["imaps", limit]]));
  return { clock, pool, unused, reclaimed };
}

Deno.test("SlotPool grants many while there are many and single ones near the limit", () => {
  const { pool } = setup(100);
  assert.equal(pool.grant(0, "imaps", 17), 17);
  assert.equal(pool.grant(1, "imaps", 17), 17);
  assert.equal(pool.grant(2, "imaps", 17), 17);
  assert.equal(pool.grant(3, "imaps", 17), 17);
  assert.equal(pool.grant(0, "imaps", 17), 1);
  assert.equal(pool.granted("imaps"), 69);
  assert.equal(pool.grant(0, "pop3s", 17), 0);
});

Deno.test("SlotPool refuses at once where nobody can hold an unused slot", () => {
  const { pool, reclaimed } = setup(2);
  assert.equal(pool.grant(0, "imaps", 17), 1);
  assert.equal(pool.grant(3, "imaps", 17), 1);
  assert.equal(pool.grant(1, "imaps", 17), 0);
  pool.back(3, "imaps", 1);
  assert.equal(pool.grant(1, "imaps", 17), 1);
  assert.deepEqual(reclaimed, []);
});

Deno.test("SlotPool calls unused slots back before it refuses", async () => {
  const { pool, unused, reclaimed, clock } = setup(40);
  assert.equal(pool.grant(0, "imaps", 20), 20);
  assert.equal(pool.grant(1, "imaps", 10), 10);
  for (let i = 0; i < 10; i++) assert.equal(pool.grant(2, "imaps", 9), 1);
  unused.set(0, 1);
  unused.set(1, 0);
  const answers = await Promise.all([
    pool.grant(2, "imaps", 17),
    pool.grant(3, "imaps", 17),
  ]);
  assert.deepEqual(answers, [1, 0]);
  assert.deepEqual(reclaimed, [0, 1], "one round for both");
  assert.equal(pool.grant(3, "imaps", 17), 0);
  assert.equal(clock.armed, 0);
});

Deno.test("SlotPool does not wait for a worker that does not answer", async () => {
  const { clock } = setup(1);
  const answer = Promise.withResolvers<number>();
  const pool = new SlotPool(() => answer.promise, clock);
  pool.configure(new Map([["imaps", 4]]));
  assert.equal(pool.grant(0, "imaps", 2), 2);
  assert.equal(pool.grant(1, "imaps", 2), 1);
  assert.equal(pool.grant(1, "imaps", 2), 1);
  const asked = pool.grant(1, "imaps", 2);
  clock.advance(1000);
  assert.equal(await asked, 0);
  answer.resolve(2);
  await answer.promise;
  await Promise.resolve();
  assert.equal(pool.granted("imaps"), 2, "a late answer counts");
});

Deno.test("SlotPool frees the slots of a lost worker, late notices of it count nothing", () => {
  const { pool } = setup(2);
  pool.grant(0, "imaps", 1);
  pool.grant(1, "imaps", 1);
  pool.workerLost(0);
  pool.back(0, "imaps", 1);
  assert.equal(pool.granted("imaps"), 1);
  assert.equal(pool.grant(2, "imaps", 1), 1);
  assert.equal(pool.grant(2, "imaps", 1), 0);
});

Deno.test("SlotPool.configure changes limits under open connections", () => {
  const { pool } = setup(3);
  for (let i = 0; i < 3; i++) assert.equal(pool.grant(0, "imaps", 1), 1);
  pool.configure(new Map([["imaps", 1]]));
  pool.back(0, "imaps", 1);
  assert.equal(pool.grant(0, "imaps", 1), 0);
  pool.back(0, "imaps", 1);
  assert.equal(pool.grant(0, "imaps", 1), 0);
  pool.configure(new Map());
  assert.equal(pool.grant(0, "imaps", 1), 0);
  assert.equal(pool.granted("imaps"), 1);
  pool.configure(new Map([["imaps", 2]]));
  assert.equal(pool.grant(0, "imaps", 1), 1, "one was still open");
  assert.equal(pool.grant(0, "imaps", 1), 0);
});

Deno.test("SlotPool holds a limit of all listeners together, and calls their unused slots back for it", async () => {
  const { pool, unused } = setup(100);
  const limits = new Map([["imaps", 100], ["pop3s", 100]]);
  pool.configure(limits, 30);
  assert.equal(pool.grant(0, "imaps", 15), 15);
  for (let i = 0; i < 15; i++) assert.equal(pool.grant(1, "pop3s", 1), 1);
  unused.set(0, 4);
  assert.equal(await pool.grant(1, "pop3s", 1), 1);
  assert.equal(pool.granted("imaps"), 11);
  pool.configure(limits, null);
  assert.equal(pool.grant(1, "pop3s", 17), 17);
});

Deno.test("SlotPool counts what another process uses, also beyond the limit", async () => {
  const { pool } = setup(3);
  pool.occupied(-1, "imaps", 2);
  assert.equal(await pool.grant(0, "imaps", 8), 1);
  assert.equal(await pool.grant(0, "imaps", 8), 0);
  pool.occupied(-1, "imaps", 5);
  pool.back(0, "imaps", 1);
  assert.equal(await pool.grant(0, "imaps", 1), 0);
  pool.workerLost(-1);
  assert.equal(await pool.grant(0, "imaps", 1), 1);
});
