import assert from "node:assert/strict";
import { SeededRandom } from "../../tests/support/random.ts";
import { parseLine } from "./syntax.ts";

/** A word as `parseLine` reads it back. */
const escapeWord = (word: string) => word.replace(/[\\; \t]|^</g, "\\$&");
const words = (line: string) => parseLine(line).commands;

Deno.test("parseLine splits commands at semicolons and words at blanks", () => {
  assert.deepEqual(words("show info;show  stat\t;"), [
    ["show", "info"],
    ["show", "stat"],
  ]);
  assert.deepEqual(words(" ;; ; "), []);
  assert.deepEqual(words(""), []);
});

Deno.test("parseLine takes what follows a backslash as it is, and quotation marks too", () => {
  assert.deepEqual(words(String.raw`set map m a\;b c\ d`), [
    ["set", "map", "m", "a;b", "c d"],
  ]);
  assert.deepEqual(words(String.raw`add map m \\ "x y"`), [
    ["add", "map", "m", "\\", '"x', 'y"'],
  ]);
  assert.deepEqual(words("end\\"), [["end\\"]]);
});

Deno.test("parseLine finds the mark of a payload as a word of its own", () => {
  assert.deepEqual(parseLine("show info;add map m <<"), {
    commands: [["show", "info"], ["add", "map", "m"]],
    payloadEnd: "",
  });
  assert.equal(parseLine("set ssl cert c <<%EOF%  ").payloadEnd, "%EOF%");
  for (
    const none of [
      "add map m<<",
      "add map << m",
      "add map <<12345678",
      String.raw`add map \<<`,
      String.raw`add map a\ <<`,
    ]
  ) assert.equal(parseLine(none).payloadEnd, null, none);
});

Deno.test("parseLine reads escaped words back, and takes any text", () => {
  const random = new SeededRandom(7);
  const alphabet = "a<b;\\ \t\"'#@é\u2028";
  const text = () =>
    Array.from(
      { length: random.below(12) },
      () => alphabet[random.below(alphabet.length)],
    ).join("");
  for (let i = 0; i < 2000; i++) {
    const list = Array.from({ length: 1 + random.below(4) }, text)
      .filter((word) => word !== "");
    const line = list.map(escapeWord).join(" ");
    assert.deepEqual(words(line), list.length > 0 ? [list] : []);
    const cut = line.slice(0, random.below(line.length + 1));
    for (const command of words(cut)) {
      assert.ok(command.length > 0 && command.every((word) => word !== ""));
    }
  }
});
