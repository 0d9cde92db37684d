/** Which changes of a configuration wait for a restart. */
import { isDeepStrictEqual } from "node:util";
import type { z } from "zod";
import { inspect } from "./inspect.ts";
import { formatPath } from "./issues.ts";
import { type Config, configSchema } from "./schema.ts";

/** Key paths that differ and that a running process cannot change; [] when the new one applies whole. */
export function needsRestart(running: Config, wanted: Config): string[] {
  return changed(configSchema, running, wanted, []);
}

function changed(
  schema: z.ZodType,
  before: unknown,
  after: unknown,
  path: readonly string[],
): string[] {
  const { shape, meta } = inspect(schema);
  if (shape.kind === "table") {
    return Object.entries(shape.fields).flatMap(([name, field]) =>
      changed(field, member(before, name), member(after, name), [...path, name])
    );
  }
  return meta.reload === "restart" && !isDeepStrictEqual(before, after)
    ? [formatPath(path)]
    : [];
}

function member(value: unknown, name: string): unknown {
  return (value as Record<string, unknown> | undefined)?.[name];
}
