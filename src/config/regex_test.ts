import assert from "node:assert/strict";
import { PatternFault } from "./pattern_fault.ts";
import { compileRegex, loadRegexEngine } from "./regex.ts";

await loadRegexEngine();

/** An expression, a text, its first group there. */
const CASES: readonly [string, string, string | null][] = [
  ['"user" *: *"([^"]+)"', '{"user": "alice"}', "alice"],
  ['"user" *: *"([^"]+)"', '{"who": "alice"}', null],
  ["(?P<who>a+)", "baac", "aa"],
  ["(?<who>a+)", "baac", "aa"],
  ["(?i)USER=([a-z]+)", "user=Bob", "Bob"],
  ["(?m)^who: (.*)$", "a\nwho: bob\nb", "bob"],
  ["(?s)a(.)b", "a\nb", "\n"],
  ["(\\p{L}+)@", "jürgen@x", "jürgen"],
  ["(\\p{Greek}+)", "xαβ", "αβ"],
  ["a(b)?", "a", null],
  ["(?:x|y)(z)", "yz", "z"],
  ["(a)(b)", "ab", "a"],
  ["(.)$", "a💌", "💌"],
  ["([][:alpha:]-]+)", "1a]-[", "a]-"],
  ["\\[([a\\[]+)", "[a[", "a["],
];

for (const [pattern, text, group] of CASES) {
  Deno.test(`compileRegex: ${pattern} in ${JSON.stringify(text)}`, () => {
    assert.equal(compileRegex(pattern).firstGroup(text), group);
  });
}

Deno.test("compileRegex says what is wrong with an expression", () => {
  const faults = {
    "user": "has no group: put parentheses around what is the identifier",
    "(?:user)": "has no group: put parentheses around what is the identifier",
    "(a": "is not in RE2 syntax: missing closing ): `(a`",
    "(?x) (a)":
      "is not in RE2 syntax: invalid or unsupported Perl syntax: `(?x`",
    "(a)(?=b)":
      "is not in RE2 syntax: invalid or unsupported Perl syntax: `(?=`",
    "(a)\\1": "is not in RE2 syntax: invalid escape sequence: `\\1`",
    "([a-z&&[^b]])":
      "has && in brackets, where sets cannot be combined: write \\& for the character",
    "([a[b]])":
      "has [ in brackets, where sets cannot be combined: write \\[ for the character",
    "([^]--a])":
      "has -- in brackets, where sets cannot be combined: write \\- for the character",
    "(a){2000}": "is not in RE2 syntax: invalid repeat count: `{2000}`",
    "(((a{100}){100}){100})":
      "is not in RE2 syntax: invalid repeat count: `{100}`",
  };
  for (const [pattern, message] of Object.entries(faults)) {
    assert.throws(() => compileRegex(pattern), new PatternFault(message));
  }
});

// The engine of the language needs seconds for 30 characters of this, and twice as long for each further one.
Deno.test("compileRegex: no text is slow", () => {
  const text = "a".repeat(65536);
  assert.equal(compileRegex("((a+)+)+$").firstGroup(`${text}!`), null);
  assert.equal(compileRegex("(a|aa)+$").firstGroup(`${text}!`), null);
});
