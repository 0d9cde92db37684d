import assert from "node:assert/strict";
import { SeededRandom } from "../../../tests/support/random.ts";
import { DataEnd } from "./data_end.ts";
import { DotStuffing } from "./dot_stuffing.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A whole message in DATA, given in pieces of these sizes; null where it was refused. */
function stuff(text: string, size: () => number = () => Infinity) {
  const stuffing = new DotStuffing();
  const all = encoder.encode(text);
  let out = "";
  for (let at = 0; at < all.length;) {
    const piece = all.subarray(at, at + size());
    at += piece.length;
    const part = stuffing.take(piece, false);
    if (part === null) return null;
    out += decoder.decode(part);
  }
  const end = stuffing.take(new Uint8Array(0), true);
  return end === null ? null : out + decoder.decode(end);
}

const CASES: readonly [string, string | null][] = [
  ["", ".\r\n"],
  ["a", "a\r\n.\r\n"],
  ["a\r\n", "a\r\n.\r\n"],
  [".", "..\r\n.\r\n"],
  [".\r\n", "..\r\n.\r\n"],
  ["a\r\n.\r\nQUIT\r\n", "a\r\n..\r\nQUIT\r\n.\r\n"],
  ["a\r\n..b.c\r\n.", "a\r\n...b.c\r\n..\r\n.\r\n"],
  ["\r\n\r\n", "\r\n\r\n.\r\n"],
  ["a\n.\n", null],
  ["a\n", null],
  ["\n", null],
  ["a\r", null],
  ["a\rb", null],
  ["a\r.\rb", null],
  ["a\r\r\n", null],
  ["a\r\n\n", null],
  ["a\r\n.\r", null],
];

Deno.test("DotStuffing puts a message into DATA, or refuses it, in every split", () => {
  for (const [text, expected] of CASES) {
    const name = JSON.stringify(text);
    assert.equal(stuff(text), expected, name);
    assert.equal(stuff(text, () => 1), expected, name);
    for (let split = 1; split < text.length; split++) {
      let first = true;
      const size = () => first ? (first = false, split) : Infinity;
      assert.equal(stuff(text, size), expected, `${name} at ${split}`);
    }
  }
});

Deno.test("DotStuffing ends the message in the same octets as its last piece", () => {
  const stuffing = new DotStuffing();
  const take = (text: string, ends: boolean) =>
    decoder.decode(stuffing.take(encoder.encode(text), ends)!);
  assert.equal(take("a\r", false), "a\r");
  assert.equal(take("\n.b", true), "\n..b\r\n.\r\n");
});

Deno.test("what DotStuffing lets pass ends where it says, and is the message again without its dots", () => {
  const random = new SeededRandom(3030);
  let passed = 0;
  for (let round = 0; round < 3000; round++) {
    const text = Array.from(
      { length: random.below(20) },
      () => random.pick(["a", ".", "\r\n", "\r\n", random.pick(["\r", "\n"])]),
    ).join("");
    const out = stuff(text, () => 1 + random.below(4));
    assert.equal(out === null, /\r(?!\n)|(?<!\r)\n/.test(text));
    if (out === null) continue;
    passed++;
    const all = encoder.encode(out);
    assert.deepEqual(new DataEnd().scan(all), {
      found: "end",
      count: all.length,
    });
    const lines = out.slice(0, -".\r\n".length).replaceAll(/^\./gm, "");
    const whole = text === "" || text.endsWith("\r\n") ? text : `${text}\r\n`;
    assert.equal(lines, whole);
  }
  assert.ok(passed > 500);
});
