import { isTable } from "../inspect.ts";
import { DocumentError } from "./error.ts";

/** A value of a JSON document. */
export type Json =
  | null
  | boolean
  | number
  | string
  | Json[]
  | { [key: string]: Json };

/** No configuration is nested deeper than a few levels; what is would exhaust the stack. */
export const MAX_DEPTH = 100;

/**
 * What a parser has read, as a document: objects have no prototype, so that `__proto__` and
 * `constructor` are names like all others, and dates of TOML are text. DocumentError where it is
 * nested deeper than MAX_DEPTH, has a number that JSON cannot write, or text that UTF-8 cannot.
 */
export function toJson(value: unknown, depth = 0): Json {
  if (depth > MAX_DEPTH) throw tooDeep();
  if (Array.isArray(value)) return value.map((v) => toJson(v, depth + 1));
  if (isTable(value)) {
    const names = Object.keys(value);
    return object(names.map((name) => {
      refuseHalves(name);
      return [name, toJson(value[name], depth + 1)];
    }));
  }
  if (value instanceof Date) return value.toISOString();
  if (typeof value === "number" && !Number.isFinite(value)) {
    throw new DocumentError("invalid", "a number is out of range");
  }
  if (typeof value === "string") refuseHalves(value);
  return value as Json;
}

/** Half of a surrogate pair could neither be written to a file nor stand in a path. */
function refuseHalves(text: string): void {
  if (text.isWellFormed()) return;
  throw new DocumentError("invalid", "a text is not valid Unicode");
}

/** An object without a prototype. */
export function object(entries: Iterable<[string, Json]>) {
  const made: { [key: string]: Json } = Object.create(null);
  for (const [name, value] of entries) made[name] = value;
  return made;
}

/** A member that the object has itself. */
export function own(
  from: { readonly [key: string]: Json },
  name: string,
): Json | undefined {
  return Object.hasOwn(from, name) ? from[name] : undefined;
}

export function tooDeep(): DocumentError {
  return new DocumentError(
    "invalid",
    `nested deeper than ${MAX_DEPTH} levels`,
  );
}
