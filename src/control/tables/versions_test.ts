import assert from "node:assert/strict";
import { SeededRandom } from "../../../tests/support/random.ts";
import { ControlError } from "../api.ts";
import { Room, Versions } from "./versions.ts";

const room = (entries = 1000, characters = 100_000) =>
  new Room({ entries, characters });

const refused = (message: RegExp) => (error: unknown) =>
  error instanceof ControlError && message.test(error.message);

const OUT_OF_RANGE = refused(/^Version number out of range\.$/);

/** HAProxy's rules, with everything kept. */
class Model {
  current = 0;
  next = 0;
  readonly contents = new Map<number, Map<string, string>>();

  content(version: number): Map<string, string> {
    const open = version > this.current && version <= this.next;
    if (!open) return new Map();
    let content = this.contents.get(version);
    if (!content) this.contents.set(version, content = new Map());
    return content;
  }
}

Deno.test("Versions do as a model does that keeps everything", () => {
  for (let seed = 0; seed < 200; seed++) {
    const random = new SeededRandom(seed);
    const versions = new Versions("map", room());
    const model = new Model();
    for (let step = 0; step < 60; step++) {
      const version = random.below(model.next + 3);
      const isOpen = version > model.current && version <= model.next;
      switch (random.below(5)) {
        case 0:
          if (model.next - model.current >= 10) break;
          assert.equal(versions.prepare(), ++model.next);
          break;
        case 1: {
          const count = random.below(4);
          const added = new Map(
            Array.from({ length: count }, () => [
              `k${random.below(6)}`,
              `v${random.below(1000)}`,
            ]),
          );
          if (!isOpen) {
            assert.throws(() => versions.add(version, added), ControlError);
            break;
          }
          versions.add(version, added);
          for (const entry of added) model.content(version).set(...entry);
          break;
        }
        case 2:
          versions.clear(version);
          model.content(version).clear();
          break;
        case 3: {
          if (!isOpen) {
            assert.throws(() => versions.begin(version), OUT_OF_RANGE);
            break;
          }
          assert.deepEqual(
            new Map(versions.begin(version)),
            model.content(version),
          );
          const isInForce = random.below(2) === 0;
          versions.finish(isInForce);
          if (isInForce) model.current = version;
          break;
        }
      }
      assert.equal(versions.current, model.current);
      assert.equal(versions.next, model.next);
      let size = 0;
      for (let each = 0; each <= model.next + 1; each++) {
        const expected = model.content(each);
        size += expected.size;
        assert.deepEqual(new Map(versions.content(each)), expected);
      }
      assert.equal(versions.size, size);
    }
  }
});

Deno.test("Versions.add says which versions there are not", () => {
  const versions = new Versions("acl", room());
  const entries = new Map([["a", ""]]);
  assert.throws(
    () => versions.add(1, entries),
    refused(
      /^Version number in the future, please use 'prepare acl' before\.$/,
    ),
  );
  versions.prepare();
  versions.prepare();
  versions.begin(1);
  versions.finish(true);
  assert.throws(() => versions.add(1, entries), OUT_OF_RANGE);
  assert.throws(() => versions.begin(NaN), OUT_OF_RANGE);
  versions.add(2, entries);
});

Deno.test("Versions takes nothing for a version that is being committed", () => {
  const versions = new Versions("map", room());
  versions.prepare();
  versions.prepare();
  versions.add(1, new Map([["a", "1"]]));
  const content = versions.begin(1);
  const underWay = refused(/^Version 1 is being committed\.$/);
  assert.throws(() => versions.add(1, new Map([["b", "2"]])), underWay);
  assert.throws(() => versions.clear(1), underWay);
  assert.throws(() => versions.begin(2), underWay);
  versions.add(2, new Map([["c", "3"]]));
  assert.deepEqual([...content], [["a", "1"]]);
  versions.finish(false);
  versions.add(1, new Map([["b", "2"]]));
  assert.equal(versions.content(1).size, 2);
});

Deno.test("Room bounds what all versions hold, and has back what is dropped", () => {
  const shared = room(4, 100);
  const one = new Versions("map", shared);
  const two = new Versions("map", shared);
  const full = refused(/^Too much is prepared/);
  for (const versions of [one, two]) {
    versions.prepare();
    versions.add(1, new Map([["a", "1"], ["b", "2"]]));
  }
  assert.throws(() => two.add(1, new Map([["c", "3"]])), full);
  // The same key again takes no more entries, but characters.
  two.add(1, new Map([["b", "x".repeat(80)]]));
  assert.throws(() => two.add(1, new Map([["b", "x".repeat(100)]])), full);
  assert.equal(two.content(1).get("b"), "x".repeat(80));
  one.begin(1);
  one.finish(true);
  two.add(1, new Map([["c", "3"], ["d", "4"]]));
  two.close();
  one.prepare();
  one.add(2, new Map(Array.from("abcd", (key) => [key, "x".repeat(24)])));
});

Deno.test("Versions that hold nothing are not bounded, others are", () => {
  const versions = new Versions("map", room());
  for (let version = 1; version <= 100; version++) versions.prepare();
  for (let version = 1; version <= 16; version++) {
    versions.add(version, new Map([["a", "1"]]));
  }
  const entries = new Map([["a", "1"]]);
  assert.throws(() => versions.add(17, entries), refused(/^16 versions/));
  versions.clear(3);
  versions.add(17, entries);
});
