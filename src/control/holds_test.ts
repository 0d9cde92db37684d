import assert from "node:assert/strict";
import { FakeClock } from "../../tests/support/fake_clock.ts";
import { SeededRandom } from "../../tests/support/random.ts";
import { Holds } from "./holds.ts";

function setup(maxConnections = 8192) {
  const clock = new FakeClock();
  const told: string[] = [];
  const holds = new Holds(
    () => maxConnections,
    clock,
    (identifiers, held) => told.push(`${identifiers} ${held}`),
  );
  let next = 0;
  const wait = (identifier = "a", listener = "imaps", worker = 0) =>
    holds.wait(worker, { identifier, listener, session: `s${next++}` });
  return { clock, told, holds, wait };
}

/** The outcome if there is one by now. */
async function now(
  outcome: { granted: boolean } | Promise<{ granted: boolean }>,
): Promise<boolean | null> {
  const first = await Promise.race([outcome, Promise.resolve(null)]);
  return first?.granted ?? null;
}

Deno.test("Holds let a login go on when the delay ends, and tell that first", async () => {
  const { clock, told, holds, wait } = setup();
  assert.deepEqual(wait(), { granted: true });
  holds.delay("a", 30);
  const held = wait();
  assert.deepEqual(wait("b"), { granted: true });
  clock.advance(29_999);
  assert.equal(await now(held), null);
  assert.deepEqual(told, ["a true"]);
  clock.advance(1);
  assert.equal(await now(held), true);
  assert.deepEqual(told, ["a true", "a false"]);
  assert.equal(clock.armed, 0);
});

Deno.test("Holds keep a pinned account held, whatever becomes of its delay", async () => {
  const { clock, told, holds, wait } = setup();
  holds.delay("a", 30);
  const release = holds.pin(["a", "b"]);
  const other = holds.pin(["b"]);
  const [a, b] = [wait("a"), wait("b")];
  assert.deepEqual(told, ["a true", "b true"]);
  holds.delay("a", 0);
  holds.delay("a", 1);
  clock.advance(1000);
  assert.equal(await now(a), null);
  release();
  release();
  assert.equal(await now(a), true);
  assert.equal(await now(b), null);
  // A delay outlasts a pin as well.
  holds.delay("b", 5);
  other();
  assert.equal(await now(b), null);
  clock.advance(5000);
  assert.equal(await now(b), true);
  assert.deepEqual(told, ["a true", "b true", "a false", "b false"]);
  assert.deepEqual(holds.current(), []);
  assert.equal(clock.armed, 0);
});

Deno.test("Holds cap a delay at two minutes", () => {
  const { holds } = setup();
  holds.delay("a", 100_000);
  assert.deepEqual(holds.current(), [{ identifier: "a", remaining: 120_000 }]);
});

Deno.test("Holds end a delay at 0 and take the end of the last one", async () => {
  const { clock, told, holds, wait } = setup();
  holds.delay("a", 10);
  const first = wait();
  clock.advance(9000);
  holds.delay("a", 10);
  clock.advance(9000);
  assert.equal(await now(first), null);
  holds.delay("a", 1);
  clock.advance(1000);
  assert.equal(await now(first), true);
  holds.delay("a", 10);
  const second = wait();
  holds.delay("a", 0);
  holds.delay("a", 0);
  assert.equal(await now(second), true);
  assert.deepEqual(told, ["a true", "a false", "a true", "a false"]);
  assert.equal(clock.armed, 0);
});

Deno.test("Holds let 32 logins of an account wait", async () => {
  const { holds, wait } = setup();
  holds.delay("a", 30);
  holds.delay("b", 30);
  const held = Array.from({ length: 32 }, () => wait());
  assert.deepEqual(wait(), { granted: false });
  assert.equal(await now(wait("b")), null);
  holds.leave("s0");
  assert.equal(await now(held[0]!), false);
  assert.equal(await now(wait()), null);
  assert.deepEqual(holds.of("a"), { waiting: 32, remaining: 30_000 });
  assert.equal(holds.of("c"), null);
  holds.close();
});

Deno.test("Holds let a quarter of a listener's connections wait", async () => {
  const { holds, wait } = setup(8);
  holds.delay("a", 30);
  holds.delay("b", 30);
  assert.equal(await now(wait("a")), null);
  assert.equal(await now(wait("b")), null);
  assert.deepEqual(wait("b"), { granted: false });
  assert.equal(await now(wait("b", "pop3s")), null);
  holds.close();
  assert.equal(holds.waiting, 0);
});

Deno.test("Holds forget the sessions of a lost worker", async () => {
  const { holds, wait } = setup(8);
  holds.delay("a", 30);
  const lost = [wait("a", "imaps", 1), wait("a", "imaps", 1)];
  assert.deepEqual(wait("a", "imaps", 2), { granted: false });
  holds.workerLost(1);
  assert.equal(await now(lost[0]!), false);
  assert.equal(await now(wait("a", "imaps", 2)), null);
  assert.equal(holds.waiting, 1);
  holds.close();
});

Deno.test("Holds behave as a simple model under random use", async () => {
  for (let seed = 1; seed <= 20; seed++) {
    const random = new SeededRandom(seed);
    const { clock, holds } = setup(40);
    const ends = new Map<string, number>();
    let waiting: {
      id: string;
      account: string;
      outcome: Promise<{ granted: boolean }>;
    }[] = [];
    for (let step = 0; step < 600; step++) {
      const account = `u${random.below(3)}`;
      const what = random.below(12);
      if (what === 0) {
        const seconds = random.below(60);
        holds.delay(account, seconds);
        if (seconds === 0) ends.delete(account);
        else ends.set(account, clock.now() + seconds * 1000);
      } else if (what === 1) {
        clock.advance(random.below(10_000));
      } else if (what === 2 && waiting.length > 0) {
        const [gone] = waiting.splice(random.below(waiting.length), 1);
        holds.leave(gone!.id);
        assert.equal((await gone!.outcome).granted, false);
      } else {
        const id = `${seed}-${step}`;
        const outcome = holds.wait(0, {
          identifier: account,
          listener: "imaps",
          session: id,
        });
        if (!ends.has(account)) assert.deepEqual(outcome, { granted: true });
        else if (waiting.length >= 10) {
          assert.deepEqual(outcome, { granted: false });
        } else {
          assert.ok(outcome instanceof Promise);
          waiting.push({ id, account, outcome });
        }
      }
      for (const [held, end] of ends) {
        if (end <= clock.now()) ends.delete(held);
      }
      const released = waiting.filter((w) => !ends.has(w.account));
      waiting = waiting.filter((w) => ends.has(w.account));
      for (const { outcome } of released) {
        assert.equal((await outcome).granted, true, `seed ${seed}`);
      }
      assert.equal(holds.waiting, waiting.length);
      assert.equal(clock.armed, ends.size);
    }
    holds.close();
  }
});
