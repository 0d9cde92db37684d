import assert from "node:assert/strict";
import { DocumentError } from "./error.ts";
import { type Edit, edit } from "./edit.ts";
import { parseJson } from "./formats.ts";
import type { Json } from "./json.ts";
import { parsePath } from "./path.ts";
import { read } from "./read.ts";

const BEFORE = `{
  "listener": {"imap": {"bind": ["a:1"], "tls": "plain"}, "a/b": {"n": 1}},
  "http": {"route": [{"match": "/x"}, {"match": "/y"}]}, "empty": null
}`;

function after(
  method: Edit["method"],
  path: string,
  value: Json = null,
  before: Json | null = parseJson(BEFORE),
): string {
  const copy = JSON.stringify(before);
  const changed = edit(before, { ...parsePath(path), method, value });
  assert.equal(JSON.stringify(before), copy, "the given document is kept");
  const shown = parsePath(path).path;
  return JSON.stringify(read(changed, shown.slice(0, 2)));
}

function refusal(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (error instanceof DocumentError) return error.code;
    throw error;
  }
  return "done";
}

Deno.test("read goes through objects and lists, and answers null for what is absent", () => {
  const document = parseJson(BEFORE);
  const at = (path: string) => read(document, parsePath(path).path);
  assert.equal(at("/listener/imap/bind/0"), "a:1");
  assert.equal(at("/listener/a%2Fb/n"), 1);
  assert.equal(at("/"), document);
  assert.equal(at("/nothing"), null);
  assert.equal(at("/__proto__"), null);
  assert.equal(at("/listener/constructor"), null);
  assert.equal(at("/http/route/01/match"), "/y");
  assert.equal(read(null, []), null);
});

Deno.test("read refuses bad indices and paths that go on behind a scalar", () => {
  const document = parseJson(BEFORE);
  for (
    const path of [
      "/http/route/2",
      "/http/route/-1",
      "/http/route/x",
      "/http/route/1e0",
      "/http/route/length",
      "/listener/imap/tls/x",
      "/listener/imap/tls/0",
      "/nothing/deeper",
      "/constructor/prototype",
      "/empty/x",
      "/a//b",
      "/%zz",
      "/x".repeat(10_000),
    ]
  ) {
    const act = () => read(document, parsePath(path).path);
    assert.equal(refusal(act), "invalid", path.slice(0, 40));
  }
  assert.equal(refusal(() => read(null, ["x"])), "invalid");
});

Deno.test("edit: POST sets or replaces a member, and appends to a list", () => {
  assert.equal(after("POST", "/listener/imap", 5), "5");
  assert.equal(after("POST", "/listener/new", { a: 1 }), '{"a":1}');
  const appended = '{"bind":["a:1","b:2"],"tls":"plain"}';
  assert.equal(after("POST", "/listener/imap/bind", "b:2"), appended);
  assert.equal(after("POST", "/listener/imap/bind/0", "b:2"), appended);
  assert.equal(after("POST", "/listener/imap/bind/...", ["b:2"]), appended);
  assert.equal(
    after("POST", "/listener/imap/bind", ["b:2"]),
    '{"bind":["a:1",["b:2"]],"tls":"plain"}',
  );
  assert.equal(after("POST", "/empty/...", [1, 2]), "[1,2]");
  assert.equal(after("POST", "/listener/__proto__", { x: 1 }), '{"x":1}');
  assert.equal(({} as { x?: unknown }).x, undefined);
});

Deno.test("edit: PUT creates strictly, with the objects on the way, and inserts into a list", () => {
  assert.equal(after("PUT", "/a/b/c", 1), '{"c":1}');
  assert.equal(after("PUT", "/empty/b/c", 1), '{"c":1}');
  assert.equal(
    after("PUT", "/http/route/0", {}),
    '[{},{"match":"/x"},{"match":"/y"}]',
  );
  const exists = (path: string) => refusal(() => after("PUT", path, 1));
  assert.equal(exists("/listener/imap"), "exists");
  assert.equal(exists("/http/route"), "exists");
  assert.equal(exists("/empty"), "exists");
  assert.equal(exists("/"), "exists");
  assert.equal(exists("/http/route/2"), "invalid");
});

Deno.test("edit: PATCH and DELETE want what they replace or take away", () => {
  assert.equal(after("PATCH", "/listener/imap", 5), "5");
  assert.equal(after("PATCH", "/http/route/1", 5), '[{"match":"/x"},5]');
  assert.equal(after("DELETE", "/http/route/0"), '[{"match":"/y"}]');
  assert.equal(after("DELETE", "/listener/imap"), "null");
  for (const method of ["PATCH", "DELETE"] as const) {
    const code = (path: string) => refusal(() => after(method, path, 1));
    assert.equal(code("/nothing"), "absent");
    assert.equal(code("/nothing/deeper"), "absent");
    assert.equal(code("/listener/__proto__"), "absent");
    assert.equal(code("/http/route/2"), "invalid");
    assert.equal(code("/listener/imap/tls/x"), "invalid");
    assert.equal(code("/http/route/..."), "invalid");
  }
});

Deno.test("edit takes the root like a member", () => {
  assert.equal(after("DELETE", "/"), "null");
  assert.equal(after("POST", "/", { a: 1 }), '{"a":1}');
  assert.equal(after("PATCH", "/", { a: 1 }), '{"a":1}');
  assert.equal(after("PUT", "/", { a: 1 }, null), '{"a":1}');
  assert.equal(after("POST", "/", { a: 1 }, null), '{"a":1}');
  assert.equal(after("PUT", "/a/b", 1, null), "1");
  assert.equal(refusal(() => after("PATCH", "/", 1, null)), "absent");
  assert.equal(refusal(() => after("DELETE", "/", 1, null)), "absent");
});

Deno.test("edit refuses POST where it has no meaning", () => {
  const code = (path: string, value: Json) =>
    refusal(() => after("POST", path, value));
  assert.equal(code("/nothing/deeper", 1), "invalid");
  assert.equal(code("/listener/imap/tls/x", 1), "invalid");
  assert.equal(code("/http/route/7", 1), "invalid");
  assert.equal(code("/http/route/x", 1), "invalid");
  assert.equal(code("/http/route/...", 1), "invalid");
  assert.equal(code("/listener/imap/...", [1]), "invalid");
});
