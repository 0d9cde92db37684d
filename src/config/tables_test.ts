import assert from "node:assert/strict";
import { formatProblem, Issues } from "./issues.ts";
import { loadAcls, loadMaps } from "./tables.ts";
import { hostWith } from "./testing.ts";

async function read(files: Record<string, string>) {
  const issues = new Issues("c.toml", () => null);
  const host = hostWith(files);
  const acl = { a: { entries: ["10.0.0.0/8"], file: "a.acl" }, b: {} };
  const acls = await loadAcls({ acl }, issues, host);
  const maps = await loadMaps({ map: { m: { file: "m.map" } } }, issues, host);
  return {
    acls,
    maps,
    problems: issues.problems.map(formatProblem),
    warnings: issues.warnings.map(formatProblem),
  };
}

Deno.test("loadAcls puts the ranges of the file behind those of the configuration", async () => {
  const { acls, problems } = await read({
    "a.acl": "\ufeff# office\n192.0.2.1\r\n\n  2001:db8::/32  # home\n",
    "m.map": "",
  });
  assert.deepEqual(problems, []);
  assert.deepEqual(acls.get("a"), ["10.0.0.0/8", "192.0.2.1", "2001:db8::/32"]);
  assert.deepEqual(acls.get("b"), []);
});

Deno.test("loadAcls names each bad line, up to a bound", async () => {
  const { problems } = await read({
    "a.acl": "10.0.0.0/33\n10.0.0.1\nlocalhost\n" + "x\n".repeat(30),
    "m.map": "",
  });
  assert.equal(problems.length, 21);
  assert.equal(problems[0], 'a.acl:1: "10.0.0.0/33" is no address range');
  assert.equal(problems[1], 'a.acl:3: "localhost" is no address range');
  assert.equal(problems[20], "a.acl: 12 more bad lines");
});

Deno.test("loadMaps reads keys and values that may have blanks", async () => {
  const { maps, problems, warnings } = await read({
    "a.acl": "",
    "m.map": "# key value\na 1\n\nb\t two  words \r\n__proto__ x#y\na 2\n",
  });
  assert.deepEqual(problems, []);
  assert.deepEqual([...maps.get("m")!], [
    ["a", "2"],
    ["b", "two  words"],
    ["__proto__", "x#y"],
  ]);
  assert.deepEqual(warnings, [
    "c.toml: map.m.file: 1 lines of m.map repeat a key, the last one counts",
  ]);
});

Deno.test("loadMaps names each bad line, and the file that is not there", async () => {
  const { problems } = await read({
    "m.map": `a\nb 1\n${"k".repeat(321)} 1\nc ${"v".repeat(4097)}\n`,
  });
  assert.deepEqual(problems, [
    "c.toml: acl.a.file: cannot read a.acl: no such file",
    "m.map:1: no value behind the key a",
    "m.map:3: the key is longer than 320 characters",
    "m.map:4: the value is longer than 4096 characters",
  ]);
});
