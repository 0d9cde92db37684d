/** `@id` members, which give an object a short address. */
import { formatPath, type Path } from "../issues.ts";
import { DocumentError } from "./error.ts";
import type { Json } from "./json.ts";
import type { DocumentPath } from "./path.ts";

/** By this key a client of the API may name a table for itself; it means nothing else. */
export const ID_KEY = "@id";

/** An id that names no object. */
export interface IdFault {
  /** Of the id itself. */
  readonly path: Path;
  readonly message: string;
}

/** Ids that are neither a string with something in it nor a number, and those that another object has. */
export function idFaults(document: unknown): IdFault[] {
  const faults: IdFault[] = [];
  const found = new Map<string, Path>();
  for (const [id, object] of ids(document, [])) {
    const path = [...object, ID_KEY];
    if (typeof id !== "number" && (typeof id !== "string" || id === "")) {
      faults.push({ path, message: "must be a string or a number" });
      continue;
    }
    const other = found.get(String(id));
    if (other === undefined) found.set(String(id), object);
    else {
      const where = other.length === 0 ? "the root" : formatPath(other);
      faults.push({ path, message: `${where} has the same` });
    }
  }
  return faults;
}

/** The object with an id. DocumentError (absent) where none has it. */
export function pathOfId(document: Json | null, id: string): DocumentPath {
  for (const [member, path] of ids(document, [])) {
    if (String(member) === id) return path.map(String);
  }
  throw new DocumentError("absent", "unknown id");
}

function* ids(value: unknown, path: Path): Generator<[id: unknown, Path]> {
  if (typeof value !== "object" || value === null) return;
  const isList = Array.isArray(value);
  for (const [name, member] of Object.entries(value)) {
    if (name === ID_KEY && !isList) yield [member, path];
    else yield* ids(member, [...path, isList ? Number(name) : name]);
  }
}
