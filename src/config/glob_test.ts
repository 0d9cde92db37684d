import assert from "node:assert/strict";
import { canonicalPath, compileGlob } from "./glob.ts";
import { PatternFault } from "./pattern_fault.ts";

/** A pattern, what it matches, what it does not. */
const CASES: readonly [string, readonly string[], readonly string[]][] = [
  ["/jmap", ["/jmap"], ["/jmap/", "/JMAP", "/jmapx", "x/jmap", ""]],
  ["/*", ["/", "/a", "/a.b"], ["/a/", "/a/b", ""]],
  ["/a*c", ["/ac", "/abc", "/abcc"], ["/a/c", "/acb"]],
  ["/dav/*/x", ["/dav/u/x"], ["/dav/x", "/dav/a/b/x"]],
  ["/**", ["/", "/a", "/a/b/"], ["", "a"]],
  ["**", ["", "*", "/a/b"], []],
  ["/a/**", ["/a/", "/a/b", "/a/b/c"], ["/a", "/ab"]],
  ["/a/**/z", ["/a/z", "/a/b/z", "/a/b/c/z"], ["/az", "/a/bz", "/a/z/"]],
  ["**/z", ["z", "/z", "/a/z"], ["/az"]],
  ["/a**z", ["/az", "/a/b/z"], ["/a"]],
  ["/{a/**,b/**/c}", ["/a/", "/a/x/y", "/b/c", "/b/x/c"], ["/a", "/b/x"]],
  ["/**{,a}{,b}", ["/", "/x", "/ab"], ["a"]],
  ["/a/***", ["/a/b/c"], []],
  ["/?", ["/a", "/ü", "/💌"], ["/", "/ab", "//"]],
  ["/[a-c]", ["/a", "/c"], ["/d", "/", "/-"]],
  ["/[!a-c]", ["/d", "/!"], ["/a", "//"]],
  ["/[^a-c]", ["/d", "/^"], ["/b"]],
  ["/[]a]", ["/]", "/a"], ["/"]],
  ["/[!]]", ["/a"], ["/]"]],
  ["/[a-]", ["/a", "/-"], ["/b"]],
  ["/[-a]", ["/a", "/-"], ["/b"]],
  ["/[\\]\\\\]", ["/]", "/\\"], ["/a"]],
  ["/[a!]", ["/a", "/!"], ["/b"]],
  ["/{a,bc}", ["/a", "/bc"], ["/", "/b", "/a,bc"]],
  ["/{a,b{c,d}}x", ["/ax", "/bcx", "/bdx"], ["/bx", "/acx"]],
  ["/a{,b}", ["/a", "/ab"], ["/abb"]],
  ["/{*,x/**}.ics", ["/a.ics", "/x/y/z.ics"], ["/y/z.ics"]],
  ["/{}", ["/"], ["/{}"]],
  ["/a,b", ["/a,b"], []],
  ["/\\*\\{", ["/*{"], ["/a{"]],
  ["/%7euser", ["/~user"], []],
  ["/%2fa", ["/%2Fa"], ["//a"]],
];

for (const [pattern, matched, others] of CASES) {
  Deno.test(`compileGlob: ${pattern}`, () => {
    const matches = compileGlob(pattern);
    for (const path of matched) assert.equal(matches(path), true, path);
    for (const path of others) assert.equal(matches(path), false, path);
  });
}

Deno.test("compileGlob says what is wrong with a pattern", () => {
  const faults = {
    "/[a": 'has a "[" without a "]"',
    "/[]": 'has a "[" without a "]"',
    "/[a\\": 'has a "[" without a "]"',
    "/{a,b": 'has a "{" without a "}"',
    "/a}": 'has a "}" without a "{"',
    "/a\\": "ends with a backslash",
    "/[z-a]": "has a range that goes backwards, from z to a",
    [`/${"a".repeat(1000)}`]: "has more than 1000 characters",
  };
  for (const [pattern, message] of Object.entries(faults)) {
    assert.throws(() => compileGlob(pattern), new PatternFault(message));
  }
});

// Each would take longer than the universe lasts, were the ways through it tried one after the other.
Deno.test("compileGlob: no pattern is slow", () => {
  const long = "a".repeat(8192);
  assert.equal(compileGlob("{a,a}".repeat(199) + "b")(long), false);
  assert.equal(compileGlob(`**${"{,a}".repeat(199)}b`)(long), false);
  assert.equal(compileGlob("{a,b}".repeat(30))("ab".repeat(15)), true);
  assert.equal(compileGlob("*a".repeat(100) + "*b")(long), false);
  assert.equal(compileGlob("**a".repeat(100) + "**b")(long), false);
  assert.equal(compileGlob(`/${"**/".repeat(100)}b`)(`/${long}`), false);
  assert.equal(compileGlob("{".repeat(500) + "}".repeat(500))(""), true);
});

Deno.test("canonicalPath decodes what was encoded without need, and nothing else", () => {
  const forms = {
    "/plain": "/plain",
    "/%6A%6d%41%70%7E%2d": "/jmAp~-",
    "/%c3%bc%F0%9F%92%8C": "/ü💌",
    "/a%2fb%3f%25": "/a%2Fb%3F%25",
    "/%ff%c3": "/%FF%C3",
    "/%zz%4": "/%zz%4",
    "/%2541": "/%2541",
  };
  for (const [path, form] of Object.entries(forms)) {
    assert.equal(canonicalPath(path), form);
  }
});
