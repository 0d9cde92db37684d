import assert from "node:assert/strict";
import { SeededRandom } from "../../tests/support/random.ts";
import { PackedMap } from "./packed_map.ts";

Deno.test("PackedMap holds what a Map does, and sorts it as strings are sorted", async () => {
  const random = new SeededRandom(7);
  const odd = ["", "\uD800", "é", "\uFFFD", "😀", "a\0", "x".repeat(9000)];
  for (const expected of [1, 5000, 1_000_000]) {
    const model = new Map<string, string | null>();
    const map = new PackedMap<string | null>(expected);
    for (let i = 0; i < 20_000; i++) {
      const key = odd[i] ?? `user${random.below(8000)}@example.com`;
      const value = [null, "old", "new"][random.below(3)]!;
      assert.equal(map.has(key), model.has(key));
      assert.equal(map.get(key), model.get(key));
      model.set(key, value);
      map.set(key, value);
    }
    assert.equal(map.size, model.size);
    assert.equal(map.get("nobody"), undefined);
    assert.deepEqual(new Map(map), model);
    const wanted = [...model].sort(([a], [b]) => a < b ? -1 : 1);
    assert.deepEqual([...await map.sorted()], wanted);
  }
  assert.deepEqual([...await new PackedMap().sorted()], []);
});
