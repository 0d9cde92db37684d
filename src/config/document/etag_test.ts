import assert from "node:assert/strict";
import { checkIfMatch, etagOf } from "./etag.ts";
import { parseJson } from "./formats.ts";
import { parsePath } from "./path.ts";
import { read } from "./read.ts";

const DOCUMENT = parseJson('{"a": {"b/c": 1, "d": [1]}, "e": "x"}');

const tag = (path: string, document = DOCUMENT) => {
  const names = parsePath(path).path;
  return etagOf(names, read(document, names));
};

Deno.test("etagOf has the path and a hash that the order of names does not change", () => {
  assert.match(tag("/a/b%2Fc"), /^"\/config\/a\/b%2Fc [0-9a-f]{16}"$/);
  assert.match(tag("/"), /^"\/config\/ [0-9a-f]{16}"$/);
  const turned = parseJson('{"e": "x", "a": {"d": [1], "b/c": 1}}');
  assert.equal(tag("/a", turned), tag("/a"));
});

Deno.test("checkIfMatch lets a change through while its scope is as it was read", () => {
  for (const path of ["/", "/a", "/a/b%2Fc", "/a/d/0", "/nothing"]) {
    checkIfMatch(tag(path), DOCUMENT);
  }
  const changed = parseJson('{"a": {"b/c": 2, "d": []}, "e": "x"}');
  checkIfMatch(tag("/e"), changed);
  for (const path of ["/", "/a", "/a/b%2Fc", "/a/d/0"]) {
    const stale = () => checkIfMatch(tag(path), changed);
    assert.throws(stale, { code: "stale" }, path);
  }
  assert.throws(() => checkIfMatch(tag("/a/d"), null), { code: "stale" });
});

Deno.test("checkIfMatch refuses what is no Etag of this API", () => {
  for (
    const header of [
      "*",
      "",
      '""',
      "/config/ abc",
      'W/"/config/ abc"',
      '"/other/ abc"',
      '"/config/ abc def"',
      '"/config/"',
      '"/config//a//b abc"',
      '"/config/%zz abc"',
      `${tag("/a")}, ${tag("/e")}`,
    ]
  ) {
    const malformed = () => checkIfMatch(header, DOCUMENT);
    assert.throws(malformed, { code: "invalid" }, header);
  }
});
