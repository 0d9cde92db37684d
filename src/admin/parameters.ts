/** From a path, a query and headers to the values that a route's handler is given. */
import { z } from "zod";
import { AdminError, changes, type Route } from "./route.ts";
import { parseQuery } from "./target.ts";

/**
 * Validates a query, what stood in the path and the headers that mean something against the route's
 * declaration; AdminError 400 otherwise. An empty value counts as missing. A declared parameter given
 * twice is refused, since two readers could take different ones. An unknown parameter is refused where
 * something is changed, so that a misspelled one never widens a change, and ignored where something is read.
 */
export function readParameters(
  route: Route,
  rawQuery: string,
  inPath: Readonly<Record<string, string>>,
  headers: Headers,
): Record<string, unknown> {
  const given = new Map<string, string>(Object.entries(inPath));
  for (const [name, value] of parseQuery(rawQuery)) {
    const isDeclared = Object.hasOwn(route.parameters, name) &&
      route.parameters[name]!.header === undefined;
    if (!isDeclared) {
      if (changes(route)) throw new AdminError(400, "unknown parameter");
      continue;
    }
    if (given.has(name)) throw new AdminError(400, `duplicate ${name}`);
    given.set(name, value);
  }
  const declared = Object.entries(route.parameters);
  for (const [name, { header }] of declared) {
    const value = header === undefined ? null : headers.get(header);
    if (value !== null) given.set(name, value);
  }
  const required = declared.filter(([, p]) => p.required).map(([name]) => name);
  if (required.some((name) => !given.get(name))) {
    throw new AdminError(400, `${required.join(" and ")} required`);
  }
  const values: Record<string, unknown> = {};
  for (const [name, { schema }] of declared) {
    const text = given.get(name);
    if (!text) continue;
    const result = schema.safeParse(wireValue(schema, text));
    if (!result.success) throw new AdminError(400, `invalid ${name}`);
    values[name] = result.data;
  }
  return values;
}

/** Text as the type that the schema wants; what does not convert is left for it to refuse. */
function wireValue(schema: z.ZodType, text: string): string | number {
  if (!(schema instanceof z.ZodNumber) || !/^\d+$/.test(text)) return text;
  return Math.min(Number(text), Number.MAX_SAFE_INTEGER);
}
