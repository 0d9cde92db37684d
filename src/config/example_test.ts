import assert from "node:assert/strict";
import { parse, stringify } from "smol-toml";
import type { z } from "zod";
import { inspect, isTable } from "./inspect.ts";
import { configSchema } from "./schema.ts";
import { BASE, configOf, load, problemsOf, warningsOf } from "./testing.ts";

const read = () =>
  Deno.readTextFile(new URL("../../config.example.toml", import.meta.url));

/** The example with every key in it that stands there as a comment. */
const uncomment = (text: string) =>
  text.replace(/^# (?=\[|[a-z_0-9]+ = )/gm, "");

Deno.test("config.example.toml validates strictly", async () => {
  assert.deepEqual(problemsOf(await read()), []);
  // It has no certificate, so that it can be tried as it is.
  const [warning, ...more] = warningsOf(await read());
  assert.match(warning!, /no certificate is declared/);
  assert.deepEqual(more, []);
});

Deno.test("config.example.toml shows every key, in words that the schema knows", async () => {
  const document = parse(uncomment(await read()));
  const missing: string[] = [];
  compare(configSchema, [document], "", missing);
  assert.deepEqual(missing, []);
  const result = load(uncomment(await read()));
  const unknown = result.ok
    ? []
    : result.problems.filter(({ message }) => message.includes("unknown key"));
  assert.deepEqual(unknown, []);
});

Deno.test("config.example.toml shows the defaults of [limits]", async () => {
  const { limits } = parse(uncomment(await read()));
  assert.deepEqual(
    configOf(BASE + stringify({ limits })).limits,
    configOf(`${BASE}[limits]`).limits,
  );
});

/** Notes keys that none of the tables has. Legs of all protocols count as one. */
function compare(
  schema: z.ZodType,
  tables: unknown[],
  path: string,
  missing: string[],
): void {
  const { shape } = inspect(schema);
  const values = tables.filter(isTable).flatMap((table) =>
    Object.values(table)
  );
  if (shape.kind === "named") {
    compare(shape.value, values, `${path}.NAME`, missing);
  } else if (shape.kind === "tables") {
    compare(shape.element, tables.flat(), path, missing);
  } else if (shape.kind === "table") {
    for (const [name, field] of Object.entries(shape.fields)) {
      if (path.endsWith(".protocol")) {
        compare(field, values, `${path}.P`, missing);
        continue;
      }
      const found = tables.filter(isTable).flatMap((table) =>
        Object.hasOwn(table, name) ? [table[name]] : []
      );
      if (found.length === 0) missing.push(`${path}.${name}`);
      else compare(field, found, `${path}.${name}`, missing);
    }
  }
}
