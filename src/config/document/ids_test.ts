import assert from "node:assert/strict";
import { parseJson } from "./formats.ts";
import { idFaults, pathOfId } from "./ids.ts";

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

Deno.test("idFaults names ids that are no names, and those that two objects have", () => {
  const faults: [string, string][] = [
    ['{"@id": true}', "@id: must be a string or a number"],
    ['{"@id": ""}', "@id: must be a string or a number"],
    ['{"@id": null}', "@id: must be a string or a number"],
    ['{"@id": {}}', "@id: must be a string or a number"],
    ['{"@id": "x", "b": {"@id": "x"}}', "b.@id: the root has the same"],
    ['{"a": [{"@id": 7}], "b": [{"@id": "7"}]}', "b.0.@id: a[0] has the same"],
  ];
  for (const [text, fault] of faults) {
    const found = idFaults(parseJson(text));
    assert.deepEqual(
      found.map(({ path, message }) => `${path.join(".")}: ${message}`),
      [fault],
    );
  }
  assert.deepEqual(idFaults(parseJson('{"a": {"@id": "x"}, "@id": 7}')), []);
  assert.deepEqual(idFaults(null), []);
});
