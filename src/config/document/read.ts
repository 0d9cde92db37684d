/** Reading a value at a path, by the rules of Caddy's configuration API. */
import { isTable } from "../inspect.ts";
import { DocumentError } from "./error.ts";
import { type Json, own } from "./json.ts";
import { type DocumentPath, formatConfigPath } from "./path.ts";

/**
 * The value at a path; null for a member that is absent. DocumentError (invalid) for an index that
 * the list does not have, and for a path that goes on behind a scalar or an absent member.
 */
export function read(document: Json | null, path: DocumentPath): Json {
  let at: Json = document;
  for (const [i, name] of path.entries()) {
    if (Array.isArray(at)) at = at[indexOf(at, path, i)]!;
    else if (isTable(at)) at = own(at, name) ?? null;
    else throw noWay(path, i, at);
  }
  return at;
}

/** The index of an element that the `i`th name of the path is. */
export function indexOf(
  list: readonly Json[],
  path: DocumentPath,
  i: number,
): number {
  const name = path[i]!;
  const where = formatConfigPath(path.slice(0, i));
  if (!/^\d+$/.test(name)) {
    throw new DocumentError(
      "invalid",
      `${where} is a list: its elements have an index, not a name`,
    );
  }
  const index = Number(name);
  if (index >= list.length) {
    throw new DocumentError(
      "invalid",
      `index out of bounds: ${where} has ${list.length} elements`,
    );
  }
  return index;
}

/** The path goes on behind `at`, which is neither an object nor a list. */
export function noWay(
  path: DocumentPath,
  i: number,
  at: Json | undefined,
): DocumentError {
  const where = formatConfigPath(path.slice(0, i));
  const isAbsent = at === undefined || at === null;
  const why = isAbsent ? "does not exist" : "is no object or list";
  return new DocumentError("invalid", `${where} ${why}`);
}
