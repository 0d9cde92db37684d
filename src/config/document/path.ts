/** Places in a document, as the configuration API writes them. */
import { DocumentError } from "./error.ts";
import { MAX_DEPTH, tooDeep } from "./json.ts";

/** Names of members and indices of lists, from the root on. */
export type DocumentPath = readonly string[];

export interface Target {
  readonly path: DocumentPath;
  /** The path ended with `/...`: each element of a list is meant, to be added one by one. */
  readonly each: boolean;
}

/**
 * Reads what stands behind `/config`, still percent-encoded: a name is decoded by itself, so that
 * `%2F` is part of it. A slash at either end makes no difference. DocumentError (invalid) for an empty
 * name and for malformed encoding.
 */
export function parsePath(raw: string): Target {
  const inner = raw.replace(/^\/|\/$/g, "");
  if (inner === "") return { path: [], each: false };
  const parts = inner.split("/");
  const each = parts.at(-1) === "...";
  if (each) parts.pop();
  if (parts.length > MAX_DEPTH) throw tooDeep();
  return { path: parts.map(decodeName), each };
}

/** `/config/listener/a%2Fb/max_connections`; the root is `/config/`. */
export function formatConfigPath(path: DocumentPath): string {
  return `/config/${path.map(encodeURIComponent).join("/")}`;
}

function decodeName(part: string): string {
  if (part === "") {
    throw new DocumentError("invalid", "a name in the path is empty");
  }
  try {
    return decodeURIComponent(part);
  } catch {
    throw new DocumentError("invalid", "malformed path");
  }
}
