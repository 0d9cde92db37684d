import assert from "node:assert/strict";
import { SeededRandom } from "../../tests/support/random.ts";
import { type CachedRoute, RouteCache } from "./cache.ts";

Deno.test("RouteCache keeps positive, negative and never-answered entries apart", () => {
  const cache = new RouteCache(10);
  cache.set("a", { destination: "old", expires: 5 });
  cache.set("b", { destination: null, expires: 6 });
  cache.set("c", { destination: undefined, expires: 7 });
  assert.deepEqual(cache.get("a"), { destination: "old", expires: 5 });
  assert.deepEqual(cache.get("b"), { destination: null, expires: 6 });
  assert.deepEqual(cache.get("c"), { destination: undefined, expires: 7 });
  assert.equal(cache.get("d"), undefined);
});

Deno.test("RouteCache.peek is no use and get is one", () => {
  const cache = new RouteCache(2);
  const route = { destination: "old", expires: 1 };
  cache.set("a", route);
  cache.set("b", route);
  cache.peek("a");
  cache.set("c", route);
  assert.equal(cache.peek("a"), undefined);
  cache.get("b");
  cache.set("d", route);
  assert.equal(cache.peek("c"), undefined);
  assert.deepEqual(cache.peek("b"), route);
});

Deno.test("RouteCache takes prototype names for identifiers like any other", () => {
  const cache = new RouteCache(10);
  assert.equal(cache.get("__proto__"), undefined);
  cache.set("__proto__", { destination: "constructor", expires: 1 });
  assert.equal(cache.get("__proto__")?.destination, "constructor");
});

/** The obvious way: a Map in order of use. */
class Model {
  readonly map = new Map<string, CachedRoute>();
  constructor(public max: number) {}

  get(key: string): CachedRoute | undefined {
    const route = this.map.get(key);
    if (route) {
      this.map.delete(key);
      this.map.set(key, route);
    }
    return route;
  }

  set(key: string, route: CachedRoute): void {
    this.map.delete(key);
    this.map.set(key, route);
    this.trim();
  }

  trim(): void {
    while (this.map.size > this.max) {
      this.map.delete(this.map.keys().next().value as string);
    }
  }
}

Deno.test("RouteCache behaves as a simple model under random use", () => {
  for (let seed = 1; seed <= 20; seed++) {
    const random = new SeededRandom(seed);
    let max = 1 + random.below(40);
    const cache = new RouteCache(max);
    const model = new Model(max);
    for (let step = 0; step < 4000; step++) {
      const key = `user${random.below(80)}`;
      const what = random.below(100);
      if (what < 45) {
        assert.deepEqual(cache.get(key), model.get(key), `seed ${seed}`);
      } else if (what < 90) {
        const route = {
          destination: random.pick(["old", "new", null, undefined]),
          expires: step,
        };
        cache.set(key, route);
        model.set(key, route);
      } else if (what < 97) {
        assert.equal(cache.delete(key), model.map.delete(key));
      } else if (what < 99) {
        max = 1 + random.below(60);
        cache.maxEntries = max;
        model.max = max;
        model.trim();
      } else {
        cache.clear();
        model.map.clear();
      }
      assert.equal(cache.size, model.map.size);
    }
  }
});

Deno.test("RouteCache holds many entries in little memory", () => {
  const count = 200_000;
  const cache = new RouteCache(count);
  const before = Deno.memoryUsage();
  for (let i = 0; i < count; i++) {
    cache.set(`user${i}.of.department@mail.example.com`, {
      destination: i % 2 ? "old" : "new",
      expires: i,
    });
  }
  const after = Deno.memoryUsage();
  const grown = after.heapUsed - before.heapUsed +
    after.external - before.external;
  // 350 MB for a million entries, with the garbage of this loop counted in.
  assert.ok(grown < count * 350, `${grown / count} bytes an entry`);
  assert.equal(cache.size, count);
});
