import assert from "node:assert/strict";
import { readDocument } from "./formats.ts";

const json = (text: string) => JSON.stringify(readDocument(null, text));
const json5 = (text: string) =>
  JSON.stringify(readDocument("text/json5; charset=utf-8", text));

Deno.test("readDocument reads JSON, JSON5 and TOML", () => {
  assert.equal(json('{"a": [1, "x", null]}'), '{"a":[1,"x",null]}');
  assert.equal(
    json5("{a: 'it\\'s', /* b: 1, */ b: [0x10,], // }\n}"),
    `{"a":"it's","b":[16]}`,
  );
  assert.equal(
    JSON.stringify(readDocument("Application/TOML", "a.b = 1\n[[c]]\nd = 2")),
    '{"a":{"b":1},"c":[{"d":2}]}',
  );
  const refused = () => readDocument("text/yaml", "a: 1");
  assert.throws(refused, { code: "unsupported", message: /text\/toml/ });
  assert.throws(() => readDocument("constructor", ""), { code: "unsupported" });
});

Deno.test("readDocument refuses a name twice, however it is written", () => {
  for (
    const text of [
      '{"a": 1, "a": 2}',
      '{"b": [{"a": {"x": 1}, "a": 2}]}',
      '{"a": 1, "\\u0061": 2}',
      '{"__proto__": 1, "__proto__": 2}',
      '{"a": "}", "a": "{"}',
    ]
  ) {
    const twice = { code: "invalid", message: /an object has "\w+" twice/ };
    assert.throws(() => json(text), twice, text);
    assert.throws(() => json5(text), twice, text);
  }
  assert.throws(() => json5("{a: 1, 'a': 2}"), { message: /twice/ });
  assert.throws(() => json5("{a: 1, \\u0061: 2}"), { message: /twice/ });
  assert.throws(() => readDocument("text/toml", "a=1\na=2"), {
    code: "invalid",
  });
  assert.equal(json('{"a": {"a": ["a", "a"]}}'), '{"a":{"a":["a","a"]}}');
  assert.equal(
    json5("{a: 'a', b: {a: 1} /* , a: 2 */}"),
    '{"a":"a","b":{"a":1}}',
  );
});

Deno.test("readDocument refuses what is nested too deep, before it costs anything", () => {
  const depth = 10_000;
  for (
    const text of [
      "[".repeat(depth) + "]".repeat(depth),
      '{"a":'.repeat(depth) + "1" + "}".repeat(depth),
      "[".repeat(depth),
    ]
  ) {
    for (const read of [json, json5]) {
      assert.throws(() => read(text), { code: "invalid", message: /deeper/ });
    }
    const toml = () => readDocument("text/toml", `a = ${text}`);
    assert.throws(toml, { code: "invalid" });
  }
  const dotted = Array(depth).fill("a").join(".");
  const toml = () => readDocument("text/toml", `${dotted} = 1`);
  assert.throws(toml, { code: "invalid" });
});

Deno.test("readDocument refuses malformed text without quoting it", () => {
  for (
    const text of [
      "",
      "hunter2",
      '{"password": "hunter2"',
      '{"password": "hunter2\n"}',
      '{"password" "hunter2"}',
      "{'a': 1}",
      "[1,]",
      "[1e999]",
      "nul",
    ]
  ) {
    assert.throws(() => json(text), (error: Error) => {
      assert.equal((error as { code?: string }).code, "invalid", text);
      assert.doesNotMatch(error.message, /hunter2/);
      return true;
    });
  }
  for (const text of ["", "hunter2", "{a: 'hunter2", "{a: NaN}", "{a b}"]) {
    assert.throws(() => json5(text), (error: Error) => {
      assert.equal((error as { code?: string }).code, "invalid", text);
      assert.doesNotMatch(error.message, /hunter2/);
      return true;
    });
  }
});

Deno.test("readDocument refuses text that no file and no path could hold", () => {
  const refused = { code: "invalid", message: /not valid Unicode/ };
  assert.throws(() => json('{"destination": {"\\ud800": 1}}'), refused);
  assert.throws(() => json('["\\udc00x"]'), refused);
  assert.throws(() => json5("{'\\ud800': 1}"), refused);
  assert.equal(json('["\\ud83d\\ude00"]'), '["😀"]');
});

Deno.test("readDocument says where a text stops making sense", () => {
  const place = (text: string) => {
    try {
      return json(text);
    } catch (error) {
      return (error as Error).message;
    }
  };
  assert.equal(place(""), "the body is empty");
  assert.equal(place(" \n"), "the body is empty");
  assert.match(place('{\n"a": 1,\n"b": }'), /line 3 column 6/);
  assert.match(place('{\n"a": 1,\n}'), /line 3 column 1/);
});

Deno.test("readDocument makes __proto__ and constructor names like others", () => {
  for (const read of [json, json5]) {
    const text = '{"__proto__":{"x":1},"constructor":2}';
    assert.equal(read(text), text);
  }
  assert.equal(({} as { x?: unknown }).x, undefined);
});
