import assert from "node:assert/strict";
import { parse } from "smol-toml";
import { isTable } from "./inspect.ts";
import type { Path } from "./issues.ts";
import { TomlLines } from "./toml_lines.ts";

const TEXT = `# comment [not.a.table]
top = 1
"quoted key" = "# no comment"

[server]
hostname = """
multi
line""" # tail
dotted.inner . deep = [
  1, # one
  "two ] }",
  { a = 1, b = [ 2,
    3 ] },
]
literal = '''
x = 1
'''
quotes = """a "quoted" ""word"""""

[a.b.c]
x = { y = { z = 'q' } }
[a.b]
after = 1979-05-27T07:32:00Z

[[http.route]]
match = "one"
[[http.route]]
match = "two"
[http.route.extract]
from = "body"
[[http.route.sub]]
k = 1
`;

Deno.test("TomlLines finds every kind of key", () => {
  const lines = new TomlLines(TEXT);
  const expected: [Path, number][] = [
    [["top"], 2],
    [["quoted key"], 3],
    [["server"], 5],
    [["server", "hostname"], 6],
    [["server", "dotted", "inner", "deep"], 9],
    [["server", "dotted", "inner", "deep", 0], 10],
    [["server", "dotted", "inner", "deep", 1], 11],
    [["server", "dotted", "inner", "deep", 2, "b"], 12],
    [["server", "dotted", "inner", "deep", 2, "b", 1], 13],
    [["server", "literal"], 15],
    [["server", "quotes"], 18],
    [["a", "b", "c", "x", "y", "z"], 21],
    [["a", "b"], 22],
    [["a", "b", "after"], 23],
    [["http", "route", 0, "match"], 26],
    [["http", "route", 1], 27],
    [["http", "route", 1, "extract", "from"], 30],
    [["http", "route", 1, "sub", 0, "k"], 32],
  ];
  for (const [path, line] of expected) {
    assert.equal(lines.lineOf(path), line, JSON.stringify(path));
  }
});

Deno.test("TomlLines gives the nearest table for a key that is not there", () => {
  const lines = new TomlLines(TEXT);
  assert.equal(lines.lineOf(["server", "missing", "deep"]), 5);
  assert.equal(lines.lineOf(["http", "route", 1, "extract", "regex"]), 29);
  assert.equal(lines.lineOf(["nowhere"]), null);
});

Deno.test("TomlLines knows each key that the parser knows", () => {
  const lines = new TomlLines(TEXT);
  const visit = (value: unknown, path: Path) => {
    if (path.length > 0) {
      const own = lines.lineOf(path);
      assert.ok(own !== null, JSON.stringify(path));
    }
    if (Array.isArray(value)) value.forEach((v, i) => visit(v, [...path, i]));
    else if (isTable(value)) {
      for (const [name, v] of Object.entries(value)) visit(v, [...path, name]);
    }
  };
  visit(parse(TEXT), []);
});

Deno.test("TomlLines reads CRLF and never throws on a cut or garbled text", () => {
  const crlf = new TomlLines(TEXT.replaceAll("\n", "\r\n"));
  assert.equal(crlf.lineOf(["a", "b", "after"]), 23);
  for (let end = 0; end < TEXT.length; end++) {
    new TomlLines(TEXT.slice(0, end));
    new TomlLines(TEXT.slice(end));
  }
});
