import assert from "node:assert/strict";
import { SeededRandom } from "../../../tests/support/random.ts";
import { DataEnd } from "./data_end.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

/** What is found in a text that comes in pieces of these sizes, and how much of it was looked at. */
function scan(text: string, size: () => number = () => Infinity) {
  const scanner = new DataEnd();
  const all = bytes(text);
  for (let at = 0; at < all.length;) {
    const piece = all.subarray(at, at + size());
    const { found, count } = scanner.scan(piece);
    at += count;
    if (found !== "more") return { found, at };
    assert.equal(count, piece.length);
  }
  return { found: "more", at: all.length };
}

const CASES: readonly [string, "more" | "end" | "smuggled", number?][] = [
  [".\r\nQUIT\r\n", "end", 3],
  ["a\r\n.\r\nMAIL", "end", 6],
  ["a\r\n..\r\n.\r\n", "end", 10],
  ["a\n\r\n.\r\n", "end", 7],
  ["a\r\r\n.\r\n", "end", 7],
  ["a.\r\nb .\r\n", "more"],
  ["a\n.b\r\n.c\r\n", "more"],
  ["a\r\n.\r", "more"],
  ["a\n.\nMAIL", "smuggled", 3],
  ["a\n.\r\nMAIL", "smuggled", 3],
  ["a\r\n.\nMAIL", "smuggled", 4],
  ["a\r.\rMAIL", "smuggled", 3],
  ["a\r.\r\nMAIL", "smuggled", 3],
  ["a\r\n.\r\r\nMAIL", "smuggled", 5],
  ["a\r\n.\rMAIL", "smuggled", 5],
  [".\nMAIL", "smuggled", 1],
];

Deno.test("DataEnd finds the one proper end, and what others would take for one, in every split", () => {
  for (const [text, found, at = text.length] of CASES) {
    const expected = { found, at };
    const name = JSON.stringify(text);
    assert.deepEqual(scan(text), expected, name);
    assert.deepEqual(scan(text, () => 1), expected, name);
    for (let split = 1; split < text.length; split++) {
      let first = true;
      const size = () => first ? (first = false, split) : Infinity;
      assert.deepEqual(scan(text, size), expected, `${name} at ${split}`);
    }
  }
});

Deno.test("DataEnd goes on to the proper end behind what was smuggled", () => {
  const scanner = new DataEnd();
  const text = bytes("a\n.\r\nMAIL FROM:<x>\r\n.\r\nNOOP");
  const first = scanner.scan(text);
  assert.equal(first.found, "smuggled");
  const rest = scanner.scan(text.subarray(first.count));
  assert.equal(rest.found, "end");
  const total = first.count + rest.count;
  assert.equal(
    new TextDecoder().decode(text.subarray(total)),
    "NOOP",
  );
});

Deno.test("DataEnd agrees with a search in the whole text", () => {
  const random = new SeededRandom(5321);
  for (let round = 0; round < 2000; round++) {
    const text = Array.from(
      { length: random.below(30) },
      () => random.pick(["a", ".", "\r", "\n", "\r\n"]),
    ).join("");
    // The start counts as the start of a line.
    const lenient = /(?<=[\r\n]|^)\.(?=[\r\n])/.exec(text);
    const { found } = scan(text, () => 1 + random.below(4));
    if (lenient === null) {
      assert.equal(found, "more", JSON.stringify(text));
    } else {
      const before = text.slice(0, lenient.index);
      const behind = text.slice(lenient.index + 1);
      const proper = (before === "" || before.endsWith("\r\n")) &&
        behind.startsWith("\r\n");
      const open = before === "" || before.endsWith("\r\n");
      const undecided = open && behind === "\r";
      assert.equal(
        found,
        proper ? "end" : undecided ? "more" : "smuggled",
        JSON.stringify(text),
      );
    }
  }
});
