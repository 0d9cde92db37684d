/** `@id` members, which give an object a short address. */
import { isTable } from "../inspect.ts";
import { DocumentError } from "./error.ts";
import { type Json, object } from "./json.ts";
import { type DocumentPath, formatConfigPath } from "./path.ts";

export const ID = "@id";

/**
 * Where each id is. DocumentError (invalid) for one that is neither a string with something in it
 * nor a number, and for one that two objects have.
 */
export function idPaths(document: Json | null): Map<string, DocumentPath> {
  const found = new Map<string, DocumentPath>();
  for (const [id, path] of ids(document, [])) {
    const where = formatConfigPath(path);
    if (typeof id !== "number" && (typeof id !== "string" || id === "")) {
      throw new DocumentError(
        "invalid",
        `${where}: ${ID} must be a string or a number`,
      );
    }
    const other = found.get(String(id));
    if (other !== undefined) {
      throw new DocumentError(
        "invalid",
        `${where}: ${formatConfigPath(other)} has the same ${ID}`,
      );
    }
    found.set(String(id), path);
  }
  return found;
}

/** The object with an id. DocumentError (absent) where none has it. */
export function pathOfId(document: Json | null, id: string): DocumentPath {
  const path = idPaths(document).get(id);
  if (path === undefined) throw new DocumentError("absent", "unknown id");
  return path;
}

/** The document without its ids, which are no part of the configuration. */
export function stripIds(document: Json): Json {
  if (Array.isArray(document)) return document.map(stripIds);
  if (!isTable(document)) return document;
  return object(
    Object.entries(document).filter(([name]) => name !== ID)
      .map(([name, value]) => [name, stripIds(value)]),
  );
}

function* ids(
  value: Json,
  path: DocumentPath,
): Generator<[id: Json, DocumentPath]> {
  if (typeof value !== "object" || value === null) return;
  for (const [name, member] of Object.entries(value)) {
    if (name === ID && !Array.isArray(value)) yield [member, path];
    else yield* ids(member, [...path, name]);
  }
}
