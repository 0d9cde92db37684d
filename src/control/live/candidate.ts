import { type Json, toJson } from "../../config/document/json.ts";
import type { Problem } from "../../config/issues.ts";
import type { Resources } from "../../config/resources.ts";
import type { Config } from "../../config/schema.ts";
import type { Opened } from "../opening.ts";

/** A document that validates, and what it means. */
export interface Candidate {
  /** Null for one that was unloaded; the rest is then what was there before, without listeners. */
  readonly document: Json | null;
  readonly config: Config;
  readonly resources: Resources;
  readonly warnings: readonly Problem[];
}

export function candidateOf(
  { document, config, resources, warnings }: Opened,
): Candidate {
  return { document: toJson(document), config, resources, warnings };
}

/** What there is to warn of in `next` and was not in `now`, wherever either was read. */
export function newWarnings(now: Candidate, next: Candidate): Problem[] {
  const known = new Set(now.warnings.map(wordsOf));
  return next.warnings.filter((warning) => !known.has(wordsOf(warning)));
}

function wordsOf({ key, message }: Problem): string {
  return `${key}: ${message}`;
}
