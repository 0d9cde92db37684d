import assert from "node:assert/strict";
import { RouteCache } from "./route_cache.ts";

function setup() {
  let now = 0;
  return {
    cache: new RouteCache(() => now),
    advance: (ms: number) => now += ms,
  };
}

const answer = (destination: string, ttl = 1000) => ({
  destination,
  isDefault: false,
  ttl,
});

Deno.test("RouteCache keeps an answer for as long as the answer says", () => {
  const { cache, advance } = setup();
  cache.put("alice", answer("old"));
  cache.put("bob", answer("new", 0));
  assert.equal(cache.get("bob"), undefined);
  advance(999);
  assert.equal(cache.get("alice")?.destination, "old");
  advance(1);
  assert.equal(cache.get("alice"), undefined);
  assert.equal(cache.size, 0);
});

Deno.test("RouteCache.invalidate forgets one identifier or all", () => {
  const { cache } = setup();
  for (const name of ["alice", "bob", "carol"]) cache.put(name, answer("old"));
  cache.invalidate("alice");
  cache.invalidate("nobody");
  assert.equal(cache.get("alice"), undefined);
  assert.equal(cache.get("bob")?.destination, "old");
  cache.invalidate(null);
  assert.equal(cache.size, 0);
});

Deno.test("RouteCache drops its oldest entries when it is full", () => {
  const { cache } = setup();
  for (let i = 0; i < 10_010; i++) cache.put(`user${i}`, answer("old"));
  assert.equal(cache.size, 10_000);
  assert.equal(cache.get("user9"), undefined);
  assert.equal(cache.get("user10")?.destination, "old");
});
