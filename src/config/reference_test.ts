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

Deno.test("configJsonSchema describes the file", () => {
  const schema = configJsonSchema() as {
    properties: Record<string, { additionalProperties?: unknown }>;
    required: string[];
  };
  assert.deepEqual(schema.required, ["routing", "mapping"]);
  assert.ok(schema.properties["listener"]?.additionalProperties);
  assert.ok(JSON.stringify(schema).length > 1000);
});
