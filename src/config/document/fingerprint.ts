import { createHash } from "node:crypto";
import { isTable } from "../inspect.ts";
import type { Json } from "./json.ts";

/** Sixteen hex digits of a document's hash; the order of keys makes no difference. */
export function fingerprint(document: Json | undefined): string {
  const text = JSON.stringify(document, sorted) ?? "";
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}

function sorted(_key: string, value: unknown): unknown {
  return isTable(value)
    ? Object.fromEntries(
      Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1),
    )
    : value;
}
