/** `ETag` and `If-Match` as Caddy has them: the path of a scope, and a hash of what is in it. */
import { DocumentError } from "./error.ts";
import { fingerprint } from "./fingerprint.ts";
import type { Json } from "./json.ts";
import { type DocumentPath, formatConfigPath, parsePath } from "./path.ts";
import { read } from "./read.ts";

/** `"/config/listener/imaps 65760b8e01234567"`. Take values without their secrets. */
export function etagOf(path: DocumentPath, value: Json): string {
  return `"${formatConfigPath(path)} ${fingerprint(value)}"`;
}

/**
 * Compares an `If-Match` with the document as it is now, again without its secrets. The scope may
 * be another than that of the change. DocumentError "invalid" for a malformed header, "stale" when
 * the scope has changed or is gone.
 */
export function checkIfMatch(header: string, document: Json | null): void {
  const [, raw, hash] = /^"\/config(\/[^\s"]*)? ([^\s"]+)"$/.exec(header) ?? [];
  if (hash === undefined) {
    throw new DocumentError(
      "invalid",
      'malformed If-Match: must be the Etag of a GET, "<path> <hash>" with its quotes',
    );
  }
  const { path } = parsePath(raw ?? "");
  let now: string | null;
  try {
    now = fingerprint(read(document, path));
  } catch (error) {
    if (!(error instanceof DocumentError)) throw error;
    now = null;
  }
  if (now === hash) return;
  throw new DocumentError(
    "stale",
    `${formatConfigPath(path)} has changed since it was read`,
  );
}
