/** What every mapping store does alike; each store's own test runs it on an empty store. */
import assert from "node:assert/strict";
import {
  type Mapping,
  type MappingChanges,
  type MappingStore,
  StoreError,
} from "../../src/store/store.ts";
import { SeededRandom } from "../support/random.ts";
import { needs } from "../support/requirements.ts";

export interface StoreUnderTest {
  readonly store: MappingStore;
  /** Another view of the same source, as after a restart. */
  reopen(): Promise<MappingStore>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Names of conformance steps that a store does not pass, each with the reason. */
type Skips = Readonly<Record<string, string>>;

export interface ConformanceOptions {
  readonly skips?: Skips;
  /** Programs of the host that the store needs. */
  readonly programs?: readonly string[];
}

const ODD = [
  "o'brien@example.com",
  'semi;colon--"@example.com',
  "100%@example.com",
  "hash#tag@example.com",
  "back\\slash@example.com",
  "\u{1F4E7}@example.com",
  "ünï@example.com",
  "$(x)`{}[]*?@example.com",
  "constructor",
  "__proto__",
  "a".repeat(320),
];

const STEPS: Record<string, (t: StoreUnderTest) => Promise<void>> = {
  "get answers null for an unknown identifier": async ({ store }) => {
    assert.equal(await store.get("nobody@example.com"), null);
  },

  "set creates, replaces and survives a restart": async (t) => {
    await t.store.set("alice@example.com", "old");
    assert.equal(await t.store.get("alice@example.com"), "old");
    await t.store.set("alice@example.com", "new");
    assert.equal(await t.store.get("alice@example.com"), "new");
    const again = await t.reopen();
    assert.equal(await again.get("alice@example.com"), "new");
    await again.close();
  },

  "delete answers whether there was a mapping": async ({ store }) => {
    await store.set("bob@example.com", "old");
    assert.equal(await store.delete("bob@example.com"), true);
    assert.equal(await store.delete("bob@example.com"), false);
    assert.equal(await store.get("bob@example.com"), null);
  },

  "identifiers with odd characters are taken literally": async (t) => {
    for (const identifier of ODD) await t.store.set(identifier, "old");
    const again = await t.reopen();
    for (const identifier of ODD) {
      assert.equal(await again.get(identifier), "old", identifier);
    }
    assert.equal(await again.get("100x@example.com"), null);
    await again.close();
    for (const identifier of ODD) {
      assert.equal(await t.store.delete(identifier), true, identifier);
    }
  },

  "set refuses what it could not read back": async ({ store }) => {
    for (const identifier of ["", "a\0b"]) {
      assert.notEqual(store.unstorable(identifier), null);
      await assert.rejects(store.set(identifier, "old"), {
        name: "StoreError",
        code: "unstorable",
      });
    }
    assert.equal(store.unstorable("alice@example.com"), null);
  },

  "write sets, replaces and removes together": async (t) => {
    await t.store.set("alice@example.com", "old");
    await t.store.set("bob@example.com", "old");
    await t.store.write(
      new Map([
        ["alice@example.com", "new"],
        ["bob@example.com", null],
        ["carol@example.com", "new"],
        ["nobody@example.com", null],
      ]),
    );
    const again = await t.reopen();
    for (
      const [identifier, destination] of [
        ["alice@example.com", "new"],
        ["bob@example.com", null],
        ["carol@example.com", "new"],
        ["nobody@example.com", null],
      ] as const
    ) assert.equal(await again.get(identifier), destination, identifier);
    await again.close();
    await t.store.write(new Map());
  },

  "a thousand go in and out together, each with its own destination": async (
    t,
  ) => {
    const all = [...ODD, ...Array.from({ length: 989 }, (_, i) => `user${i}`)];
    const wanted = (i: number) => ["old", "new", null][i % 3] as string | null;
    await t.store.write(new Map(all.map((each) => [each, "old"])));
    await t.store.write(new Map(all.map((each, i) => [each, wanted(i)])));
    const again = await t.reopen();
    for (const store of [t.store, again]) {
      const found = await store.getMany?.([...all, "nobody"]) ??
        await Promise.all([...all, "nobody"].map((each) => store.get(each)));
      assert.deepEqual(found, [...all.map((_, i) => wanted(i)), null]);
    }
    assert.deepEqual(await again.getMany?.([]) ?? [], []);
    await again.close();
  },

  "write with one that cannot be stored changes nothing": async (
    { store },
  ) => {
    await assert.rejects(
      store.write(new Map([["alice@example.com", "new"], ["", "new"]])),
      { name: "StoreError", code: "unstorable" },
    );
    assert.equal(await store.get("alice@example.com"), null);
  },

  "list pages through every mapping once": async ({ store }) => {
    const expected = new Map<string, string>();
    for (let i = 0; i < 23; i++) {
      expected.set(`user${i}@example.com`, i % 2 ? "old" : "new");
    }
    await Promise.all([...expected].map(([i, d]) => store.set(i, d)));
    const seen: Mapping[] = [];
    let after: string | null = null;
    do {
      const page = await store.list(after, 5);
      assert.ok(page.mappings.length <= 5);
      seen.push(...page.mappings);
      after = page.next;
    } while (after !== null);
    assert.equal(seen.length, expected.size);
    assert.deepEqual(
      new Map(seen.map((m) => [m.identifier, m.destination])),
      expected,
    );
  },

  "list of an empty store is one empty page": async ({ store }) => {
    assert.deepEqual(await store.list(null, 10), { mappings: [], next: null });
  },

  "concurrent writes all take effect": async (t) => {
    const random = new SeededRandom(1);
    const model = new Map<string, string>();
    const under: Promise<unknown>[] = [];
    for (let i = 0; i < 200; i++) {
      const identifier = `user${random.below(20)}@example.com`;
      if (random.below(3) === 0) {
        model.delete(identifier);
        under.push(t.store.delete(identifier));
      } else {
        const destination = random.pick(["old", "new"]);
        model.set(identifier, destination);
        under.push(t.store.set(identifier, destination));
      }
    }
    await Promise.all(under);
    await t.store.close();
    const again = await t.reopen();
    const { mappings } = await again.list(null, 100);
    assert.deepEqual(
      new Map(mappings.map((m) => [m.identifier, m.destination])),
      model,
    );
    await again.close();
  },

  "writeAll makes all changes, of the rest too where that is to go": async (
    t,
  ) => {
    if (!t.store.writeAll) return;
    for (const name of ["a", "b", "c"]) await t.store.set(name, "old");
    const changing: string[][] = [];
    const settle = async (changes: MappingChanges) => {
      changing.push([...changes.keys()].sort());
      assert.equal(await t.store.get("b"), "old", "nothing has changed yet");
    };
    const wave = new Map([["b", "new"], ["c", "old"], ["d", "new"]]);
    await t.store.writeAll(wave, { rest: "keep", settle });
    assert.equal(await t.store.get("a"), "old");
    assert.equal(await t.store.get("b"), "new");
    await t.store.set("b", "old");
    await t.store.writeAll(wave, { rest: "drop", settle });
    assert.deepEqual(changing, [["b", "d"], ["a", "b"]]);
    const again = await t.reopen();
    const { mappings } = await again.list(null, 100);
    assert.deepEqual(
      new Map(mappings.map((m) => [m.identifier, m.destination])),
      wave,
    );
    await again.close();
  },

  "writeAll that is called off, or has a mapping that cannot be kept, changes nothing":
    async (t) => {
      if (!t.store.writeAll) return;
      await t.store.set("a", "old");
      const off = () => Promise.reject(new Error("called off"));
      const wave = new Map([["a", "new"], ["b", "new"]]);
      await assert.rejects(
        t.store.writeAll(wave, { rest: "drop", settle: off }),
        StoreError,
      );
      const settle = () => Promise.resolve();
      await assert.rejects(
        t.store.writeAll(new Map([...wave, ["", "new"]]), {
          rest: "drop",
          settle,
        }),
        { name: "StoreError", code: "unstorable" },
      );
      for (const store of [t.store, await t.reopen()]) {
        assert.equal(await store.get("a"), "old");
        assert.equal(await store.get("b"), null);
      }
    },

  "reload and health of a source that is well": async ({ store }) => {
    await store.set("alice@example.com", "new");
    await store.reload();
    assert.equal(await store.get("alice@example.com"), "new");
    assert.deepEqual(store.health(), { serving: true, problem: null });
  },

  "errors are StoreError": async ({ store }) => {
    const error = await store.set("", "old").then(() => null, (e) => e);
    assert.ok(error instanceof StoreError);
    assert.deepEqual(error.problems, [error.message]);
  },
};

/** Registers one test for each step; `start` gives a fresh, empty store with destinations "old" and "new". */
export function mappingStoreConformance(
  name: string,
  start: () => Promise<StoreUnderTest>,
  { skips = {}, programs = [] }: ConformanceOptions = {},
): void {
  for (const [step, run] of Object.entries(STEPS)) {
    const reason = skips[step];
    const fn = async () => {
      await using under = await start();
      await run(under);
    };
    if (reason === undefined) needs(programs, `${name}: ${step}`, fn);
    else {
      const label = `${name}: ${step} (skipped: ${reason})`;
      Deno.test({ name: label, ignore: true, fn });
    }
  }
}
