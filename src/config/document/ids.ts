/** `@id` members, which give an object a short address. */
import { ID_KEY } from "../walk.ts";
import { DocumentError } from "./error.ts";
import type { Json } from "./json.ts";
import { type DocumentPath, formatConfigPath } from "./path.ts";

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
        `${where}: ${ID_KEY} must be a string or a number`,
      );
    }
    const other = found.get(String(id));
    if (other !== undefined) {
      throw new DocumentError(
        "invalid",
        `${where}: ${formatConfigPath(other)} has the same ${ID_KEY}`,
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

function* ids(
  value: Json,
  path: DocumentPath,
): Generator<[id: Json, DocumentPath]> {
  if (typeof value !== "object" || value === null) return;
  for (const [name, member] of Object.entries(value)) {
    if (name === ID_KEY && !Array.isArray(value)) yield [member, path];
    else yield* ids(member, [...path, name]);
  }
}
