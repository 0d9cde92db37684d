import assert from "node:assert/strict";
import { parseJson } from "./formats.ts";
import { idPaths, pathOfId } from "./ids.ts";

Deno.test("pathOfId finds objects wherever they are, by text and by number", () => {
  const document = parseJson(
    '{"a": {"@id": "x"}, "b": [{"@id": 7}, {"c": {"@id": "__proto__"}}]}',
  );
  assert.deepEqual(pathOfId(document, "x"), ["a"]);
  assert.deepEqual(pathOfId(document, "7"), ["b", "0"]);
  assert.deepEqual(pathOfId(document, "__proto__"), ["b", "1", "c"]);
  assert.throws(() => pathOfId(document, "constructor"), { code: "absent" });
  assert.throws(() => pathOfId(null, "x"), { code: "absent" });
});

Deno.test("idPaths refuses ids that are no names, and those that two objects have", () => {
  for (
    const text of [
      '{"@id": true}',
      '{"@id": ""}',
      '{"@id": null}',
      '{"@id": {}}',
      '{"a": {"@id": "x"}, "b": {"@id": "x"}}',
      '{"a": {"@id": 7}, "b": [{"@id": "7"}]}',
    ]
  ) {
    assert.throws(() => idPaths(parseJson(text)), { code: "invalid" }, text);
  }
});
