import assert from "node:assert/strict";
import { FakeClock } from "../../tests/support/fake_clock.ts";
import { SeededRandom } from "../../tests/support/random.ts";
import {
  type Resolution,
  Resolver,
  type ResolverSettings,
} from "./resolver.ts";

const SETTINGS: ResolverSettings = {
  defaultDestination: "old",
  onStoreFailure: "default",
  positiveTtl: 600_000,
  negativeTtl: 30_000,
  lookupTimeout: 5000,
  cacheMaxEntries: 1000,
  isDeclared: (name) => name === "old" || name === "new",
};

/** A store whose every answer is given by the test. */
class ScriptedStore {
  readonly asked: {
    identifier: string;
    answer(destination: string | null): Promise<void>;
    fail(error: Error): Promise<void>;
  }[] = [];

  get(identifier: string): Promise<string | null> {
    const { promise, resolve, reject } = Promise.withResolvers<
      string | null
    >();
    this.asked.push({
      identifier,
      answer: (destination) => (resolve(destination), settled()),
      fail: (error) => (reject(error), settled()),
    });
    return promise;
  }
}

/** Everything that promises already resolved lead to has happened. */
function settled(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

function setup(settings: Partial<ResolverSettings> = {}) {
  const clock = new FakeClock();
  const store = new ScriptedStore();
  const told: string[] = [];
  const events = {
    storeFailed: (i: string, reason: string) => told.push(`${i}: ${reason}`),
    undeclared: (i: string, d: string) => told.push(`${i} -> ${d}`),
  };
  const resolver = new Resolver(
    store,
    { ...SETTINGS, ...settings },
    events,
    clock,
  );
  return { clock, store, told, resolver };
}

const old = (ttl: number, cached = false): Resolution => ({
  destination: "old",
  isDefault: true,
  cached,
  ttl,
});
const mapped = (ttl: number, cached = false): Resolution => ({
  destination: "new",
  isDefault: false,
  cached,
  ttl,
});

Deno.test("Resolver caches a mapping for positive_ttl", async () => {
  const { clock, store, resolver } = setup();
  const first = resolver.resolve("a");
  await store.asked[0]!.answer("new");
  assert.deepEqual(await first, mapped(600_000));
  clock.advance(599_999);
  assert.deepEqual(resolver.resolve("a"), mapped(1, true));
  clock.advance(1);
  const again = resolver.resolve("a");
  await store.asked[1]!.answer("old");
  assert.deepEqual(await again, { ...old(600_000), isDefault: false });
  assert.deepEqual(resolver.stats(), { hits: 1, misses: 2, entries: 1 });
  assert.equal(clock.armed, 0);
});

Deno.test("Resolver takes a missing or empty mapping as the default for negative_ttl", async () => {
  for (const answer of [null, ""]) {
    const { clock, store, resolver } = setup();
    const first = resolver.resolve("a");
    await store.asked[0]!.answer(answer);
    assert.deepEqual(await first, old(30_000));
    assert.deepEqual(resolver.peekCached("a"), old(30_000, true));
    clock.advance(30_000);
    assert.equal(resolver.peekCached("a"), null);
  }
});

Deno.test("Resolver asks once for everybody who wants one identifier", async () => {
  const { store, resolver } = setup();
  const all = [1, 2, 3].map(() => resolver.resolve("a"));
  const other = resolver.resolve("b");
  assert.deepEqual(store.asked.map((q) => q.identifier), ["a", "b"]);
  await store.asked[1]!.answer(null);
  await store.asked[0]!.answer("new");
  for (const one of all) assert.deepEqual(await one, mapped(600_000));
  assert.deepEqual(await other, old(30_000));
});

Deno.test("Resolver warns of an undeclared destination and takes the default", async () => {
  const { store, told, resolver } = setup();
  const first = resolver.resolve("a");
  await store.asked[0]!.answer("gone");
  assert.deepEqual(await first, old(30_000));
  assert.deepEqual(told, ["a -> gone"]);
  resolver.configure({ ...SETTINGS, isDeclared: () => true }, store);
  assert.equal(
    (resolver.resolve("a") as Resolution).destination,
    "gone",
    "a reload that declares it counts at once",
  );
});

Deno.test("Resolver gives the last known answer, however old, while the store fails", async () => {
  const { clock, store, told, resolver } = setup({ onStoreFailure: "refuse" });
  const first = resolver.resolve("a");
  await store.asked[0]!.answer("new");
  await first;
  clock.advance(30 * 86_400_000);
  const second = resolver.resolve("a");
  await store.asked[1]!.fail(new Error("connection refused"));
  assert.deepEqual(await second, mapped(5000));
  assert.deepEqual(told, ["a: connection refused"]);
  clock.advance(4999);
  assert.deepEqual(resolver.resolve("a"), mapped(1, true));
  clock.advance(1);
  const third = resolver.resolve("a");
  await store.asked[2]!.answer(null);
  assert.deepEqual(await third, old(30_000));
});

Deno.test("Resolver without a last answer does as on_store_failure says", async () => {
  for (
    const [onStoreFailure, expected] of [
      ["default", old(5000)],
      ["refuse", { refused: "the mapping store cannot be asked" }],
    ] as const
  ) {
    const { clock, store, resolver } = setup({ onStoreFailure });
    const first = resolver.resolve("a");
    await store.asked[0]!.fail(new Error("down"));
    assert.deepEqual(await first, expected);
    assert.equal(resolver.resolve("a") instanceof Promise, false);
    clock.advance(5000);
    const second = resolver.resolve("a");
    await store.asked[1]!.answer("new");
    assert.deepEqual(await second, mapped(600_000));
  }
});

Deno.test("Resolver takes a silent store for a failed one after lookup_timeout", async () => {
  const { clock, store, told, resolver } = setup();
  const first = resolver.resolve("a");
  clock.advance(5000);
  assert.deepEqual(await first, old(5000));
  assert.deepEqual(told, ["a: no answer within 5000 ms"]);
  await store.asked[0]!.answer("new");
  assert.deepEqual(
    resolver.peekCached("a"),
    old(5000, true),
    "an answer that comes too late is ignored",
  );
  assert.equal(clock.armed, 0);
});

Deno.test("Resolver.invalidate begins a lookup under way anew", async () => {
  for (const target of ["a", null]) {
    const { clock, store, resolver } = setup();
    const first = resolver.resolve("a");
    resolver.invalidate(target);
    assert.equal(store.asked.length, 2);
    const joined = resolver.resolve("a");
    await store.asked[0]!.answer("old");
    assert.equal(resolver.peekCached("a"), null);
    await store.asked[1]!.answer("new");
    assert.deepEqual(await first, mapped(600_000));
    assert.deepEqual(await joined, mapped(600_000));
    assert.equal(store.asked.length, 2);
    assert.equal(clock.armed, 0);
  }
});

Deno.test("Resolver.invalidate forgets the last known answer too", async () => {
  const { store, resolver } = setup();
  const first = resolver.resolve("a");
  await store.asked[0]!.answer("new");
  await first;
  resolver.invalidate("a");
  const second = resolver.resolve("a");
  await store.asked[1]!.fail(new Error("down"));
  assert.deepEqual(await second, old(5000));
});

Deno.test("Resolver.configure forgets everything with another store", async () => {
  const { store, resolver } = setup();
  const first = resolver.resolve("a");
  const under = resolver.resolve("b");
  await store.asked[0]!.answer("new");
  await first;
  const other = new ScriptedStore();
  resolver.configure(SETTINGS, other);
  assert.equal(resolver.peekCached("a"), null);
  await store.asked[1]!.answer("new");
  await other.asked[0]!.answer(null);
  assert.deepEqual(await under, old(30_000));
});

Deno.test("Resolver.outdate asks anew, and has the last known answer while there is none", async () => {
  const { store, resolver } = setup();
  for (const which of ["a", null]) {
    const known = resolver.resolve("a");
    await store.asked.pop()!.answer("new");
    await known;
    resolver.outdate(which);
    assert.equal(resolver.peekCached("a"), null);
    const again = resolver.resolve("a");
    await store.asked.pop()!.fail(new Error("down"));
    assert.equal((await again as Resolution).destination, "new");
    resolver.storeIsBack();
  }
});

Deno.test("Resolver.outdate begins lookups under way anew", async () => {
  const { store, resolver } = setup();
  const asked = resolver.resolve("a");
  resolver.outdate("a");
  await store.asked[0]!.answer("old");
  await store.asked[1]!.answer("new");
  assert.equal((await asked as Resolution).destination, "new");
});

Deno.test("Resolver.storeIsBack ends what was said while the store could not be asked, and no more", async () => {
  const { store, resolver } = setup();
  const mapped = resolver.resolve("mapped");
  await store.asked.pop()!.answer("new");
  await mapped;
  const lost = resolver.resolve("lost");
  await store.asked.pop()!.fail(new Error("down"));
  assert.equal((await lost as Resolution).destination, "old");
  resolver.storeIsBack();
  assert.equal(resolver.peekCached("lost"), null);
  assert.notEqual(resolver.peekCached("mapped"), null);
  const again = resolver.resolve("lost");
  await store.asked.pop()!.answer("new");
  await again;
  // It was answered since: another return of the store does not concern it.
  resolver.storeIsBack();
  assert.notEqual(resolver.peekCached("lost"), null);
});

Deno.test("Resolver never gives out what an invalidation made old, in any order of events", async () => {
  for (let seed = 1; seed <= 30; seed++) {
    const random = new SeededRandom(seed);
    const { clock, store, resolver } = setup();
    const truth = new Map<string, string>();
    /** What the store saw when it was asked; answered in any order later. */
    const open: { i: number; seen: string | null }[] = [];
    const checks: Promise<void>[] = [];
    let read = 0;
    for (let step = 0; step < 200; step++) {
      const id = `u${random.below(4)}`;
      const what = random.below(4);
      if (what === 0) {
        truth.set(id, random.pick(["old", "new"]));
        resolver.invalidate(id);
      } else if (what === 1) {
        const outcome = resolver.resolve(id);
        if (outcome instanceof Promise) {
          checks.push(outcome.then((answer) => {
            assert.equal(
              (answer as Resolution).destination,
              truth.get(id) ?? "old",
              `seed ${seed}`,
            );
          }));
        } else {
          assert.equal(
            (outcome as Resolution).destination,
            truth.get(id) ?? "old",
            `seed ${seed}`,
          );
        }
      } else if (open.length > 0) {
        const [{ i, seen }] = open.splice(random.below(open.length), 1) as [
          { i: number; seen: string | null },
        ];
        await store.asked[i]!.answer(seen);
      }
      while (read < store.asked.length) {
        const { identifier } = store.asked[read]!;
        open.push({ i: read++, seen: truth.get(identifier) ?? null });
      }
    }
    for (const { i, seen } of open) await store.asked[i]!.answer(seen);
    await Promise.all(checks);
    assert.equal(clock.armed, 0);
  }
});

Deno.test("Resolver.suspend lets lookups wait, cached or not, until the last resumes", async () => {
  const { store, resolver } = setup();
  const first = resolver.resolve("a");
  await store.asked[0]!.answer("new");
  await first;
  const resume = [resolver.suspend(), resolver.suspend()] as const;
  const answered: string[] = [];
  const ask = async (identifier: string) => {
    const { destination } = await resolver.resolve(identifier) as Resolution;
    answered.push(`${identifier} ${destination}`);
  };
  const asking = [ask("a"), ask("b")];
  resume[0]();
  await settled();
  assert.deepEqual(answered, []);
  assert.equal(store.asked.length, 1);
  resolver.invalidate("a");
  resume[1]();
  await settled();
  await store.asked[1]!.answer("old");
  await store.asked[2]!.answer("new");
  await Promise.all(asking);
  assert.deepEqual(answered, ["a old", "b new"]);
});
