import assert from "node:assert/strict";
import { HttpFault } from "./fault.ts";
import { Fields, parseFields } from "./fields.ts";

const fields = new Fields([
  { name: "Accept", value: "a, B" },
  { name: "X", value: "" },
  { name: "aCCEPT", value: ",\t c ,, D;q=1 " },
  { name: "accep", value: "no" },
]);

Deno.test("Fields finds names in any case, in their order", () => {
  assert.deepEqual(fields.all("accept"), ["a, B", ",\t c ,, D;q=1 "]);
  assert.deepEqual(fields.all("x"), [""]);
  assert.deepEqual(fields.all("y"), []);
  assert.equal(fields.first("accept"), "a, B");
  assert.equal(fields.first("x"), "");
  assert.equal(fields.first("y"), undefined);
  assert.equal(fields.has("x"), true);
  assert.equal(fields.has("y"), false);
});

Deno.test("Fields.tokens is one list over all lines, in lower case", () => {
  assert.deepEqual(fields.tokens("accept"), ["a", "b", "c", "d;q=1"]);
  assert.deepEqual(fields.tokens("x"), []);
  assert.deepEqual(fields.tokens("y"), []);
});

Deno.test("parseFields begins where it is told to", () => {
  const text = "first line\r\nA: b\r\nC:d:e\r\n\r\n";
  assert.deepEqual(parseFields(text, 12, 400).lines, [
    { name: "A", value: "b" },
    { name: "C", value: "d:e" },
  ]);
  assert.deepEqual(parseFields("\r\n", 0, 400).lines, []);
  assert.throws(
    () => parseFields(text, 0, 418),
    (error) => error instanceof HttpFault && error.status === 418,
  );
});
