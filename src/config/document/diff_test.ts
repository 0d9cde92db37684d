import assert from "node:assert/strict";
import { differences } from "./diff.ts";
import { parseJson } from "./formats.ts";

Deno.test("differences names the deepest places where both have tables", () => {
  const before = { a: { b: 1, c: [1, 2] }, d: "x", "e/f": true };
  const after = { a: { b: 2, c: [1, 2] }, g: {}, "e/f": false };
  assert.deepEqual(differences(before, after), [
    { path: "/a/b", before: 1, after: 2 },
    { path: "/d", before: "x", after: undefined },
    { path: "/e%2Ff", before: true, after: false },
    { path: "/g", before: undefined, after: {} },
  ]);
});

Deno.test("differences takes lists, and what is not alike, as a whole", () => {
  assert.deepEqual(differences({ a: [1] }, { a: [1, 2] }), [
    { path: "/a", before: [1], after: [1, 2] },
  ]);
  assert.deepEqual(differences({ a: {} }, null), [
    { path: "/", before: { a: {} }, after: null },
  ]);
  assert.deepEqual(differences({ a: { b: [] } }, { a: { b: [] } }), []);
  const bare = parseJson('{"a": [{"b": 1}]}');
  assert.deepEqual(differences({ a: [{ b: 1 }] }, bare), []);
});
