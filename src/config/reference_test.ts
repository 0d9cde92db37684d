import assert from "node:assert/strict";
import type { z } from "zod";
import { inspect } from "./inspect.ts";
import { renderConfigReference } from "./reference.ts";
import { configJsonSchema, configSchema } from "./schema.ts";

function* keys(schema: z.ZodType): Generator<[string, z.ZodType]> {
  const { shape } = inspect(schema);
  if (shape.kind === "named") yield* keys(shape.value);
  if (shape.kind === "tables") yield* keys(shape.element);
  if (shape.kind !== "table") return;
  for (const [name, field] of Object.entries(shape.fields)) {
    yield [name, field];
    yield* keys(field);
  }
}

Deno.test("renderConfigReference has every key and each has a description", () => {
  const page = renderConfigReference();
  for (const [name, field] of keys(configSchema)) {
    const { meta, shape } = inspect(field);
    assert.ok(meta.description.length > 3, name);
    if (shape.kind === "value") {
      assert.ok(page.includes(`| \`${name}\` |`), name);
    }
  }
  assert.match(page, /\| `threads` \| 0 to 512 \| `0` \| .* \(restart\) \|/);
  assert.match(page, /\| `shutdown_grace` \| duration \| `"30s"` \|/);
});

interface Schema {
  readonly properties: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties: false | Schema;
  readonly [keyword: string]: unknown;
}

Deno.test("configJsonSchema describes the file and the documents of the API", () => {
  const schema = configJsonSchema() as Schema;
  assert.deepEqual(schema.required, ["routing", "mapping"]);
  assert.equal(schema.additionalProperties, false);
  const { server, listener, admin } = schema.properties;
  assert.deepEqual(listener!.properties["@id"]!["type"], ["string", "number"]);
  const listeners = listener!.additionalProperties as Schema;
  assert.deepEqual(listeners.properties["@id"]!["type"], ["string", "number"]);
  assert.equal(listeners.additionalProperties, false);
  assert.equal(admin!.properties["bearer_token"]!["writeOnly"], true);
  const grace = server!.properties["shutdown_grace"]!;
  assert.match("30s", new RegExp(grace["pattern"] as string));
  assert.doesNotMatch(JSON.stringify(schema), /"(?:reload|unset|secret)":/);
});
