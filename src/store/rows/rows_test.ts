import assert from "node:assert/strict";
import { formatRow, readRow, ROW_FORMATS } from "./formats.ts";
import { LINE_LIMIT, LineSplitter, TOO_LONG } from "./lines.ts";

/** The lines of bytes that come in pieces of `size`. */
function linesOf(bytes: Uint8Array, size: number) {
  const splitter = new LineSplitter();
  const lines = [];
  for (let at = 0; at < bytes.length; at += size) {
    lines.push(...splitter.push(bytes.subarray(at, at + size)));
  }
  lines.push(...splitter.finish());
  return lines;
}

Deno.test("LineSplitter takes LF, CRLF, a byte order mark and an unfinished last line, however the bytes come", () => {
  const bytes = new TextEncoder().encode(
    "\uFEFFä\told\r\n\r\n\u{1F4E7}\tnew\nlast",
  );
  for (const size of [1, 2, 3, 7, 1000]) {
    assert.deepEqual(linesOf(bytes, size), [
      "ä\told",
      "",
      "\u{1F4E7}\tnew",
      "last",
    ]);
  }
  assert.deepEqual(linesOf(new TextEncoder().encode("a\n"), 1), ["a"]);
  assert.deepEqual(linesOf(new Uint8Array(), 1), []);
});

Deno.test("LineSplitter throws away a line that is too long, and goes on behind it", () => {
  const long = "x".repeat(LINE_LIMIT + 1);
  const text = `a\n${long}\nb\n${"y".repeat(LINE_LIMIT)}\n${long}${long}`;
  for (const size of [1000, 5000, 1_000_000]) {
    assert.deepEqual(
      linesOf(new TextEncoder().encode(text), size),
      ["a", TOO_LONG, "b", "y".repeat(LINE_LIMIT), TOO_LONG],
    );
  }
});

Deno.test("rows of each format come back as they were", () => {
  const odd = [
    "alice@example.com",
    "o'brien;--@example.com",
    "a,b@example.com",
    "100%#\\@example.com",
    "\u{1F4E7}@example.com",
    "__proto__",
  ];
  for (const format of ROW_FORMATS) {
    for (const identifier of odd) {
      const row = { identifier, destination: "new" };
      const text = formatRow(format, row);
      assert.ok(text.endsWith("\n"));
      assert.deepEqual(readRow(format, text.slice(0, -1)), row);
    }
  }
});

Deno.test("a mapping that would be another one, or two, as a line has none", () => {
  const rows = [
    ["x\ny", "new", ["ndjson"]],
    ["x", "new\r", ["ndjson"]],
    ["x\ty", "new", ["ndjson", "csv"]],
    ["x y", "new", ["ndjson", "csv"]],
  ] as const;
  for (const [identifier, destination, formats] of rows) {
    const written = ROW_FORMATS.filter((format) => {
      const text = formatRow(format, { identifier, destination });
      if (text === "") return false;
      const row = readRow(format, text.slice(0, -1));
      assert.deepEqual(row, { identifier, destination });
      return true;
    });
    assert.deepEqual(written, formats);
  }
});

Deno.test("readRow says what is wrong with a line", () => {
  const mapping = { identifier: "a", destination: "b" };
  const cases = [
    ["csv", '"a","b"', mapping],
    ["csv", '"a",b', mapping],
    ["csv", 'a,"b"', mapping],
    ["csv", '"a""b",c', { identifier: 'a"b', destination: "c" }],
    ["csv", '"a', "a quote that is not closed, or text behind one"],
    ["csv", '"a"x,b', "a quote that is not closed, or text behind one"],
    ["csv", "a", "no comma between an identifier and a destination"],
    ["csv", "a,b,", "more than an identifier and a destination"],
    ["csv", '"a","b",', "more than an identifier and a destination"],
    ["tsv", "a b", "no tab between an identifier and a destination"],
    ["tsv", "a\tb\tc", "more than an identifier and a destination"],
    ["tsv", "a\0\tb", "a NUL byte"],
    ["tsv", "a\uFFFD\tb", "not valid UTF-8"],
    ["ndjson", "a\tb", "not a JSON object"],
    ["ndjson", "{a", "not JSON"],
    ["ndjson", "[]", "not a JSON object"],
    ["ndjson", "null", "not a JSON object"],
    [
      "ndjson",
      '{"identifier":"a"}',
      "no identifier and destination as strings",
    ],
    [
      "ndjson",
      '{"identifier":"a","destination":null}',
      "no identifier and destination as strings",
    ],
    ["ndjson", '{"destination":"b","note":1,"identifier":"a"}', mapping],
  ] as const;
  for (const [format, line, expected] of cases) {
    assert.deepEqual(readRow(format, line), expected, line);
  }
});
