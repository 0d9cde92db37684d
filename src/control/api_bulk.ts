/** All mappings at once, out of the store and into it. */
import type { RowFormat } from "../store/rows/formats.ts";
import type { Mapping } from "../store/store.ts";

export const IMPORT_MODES = ["all-or-nothing", "best-effort"] as const;
export type ImportMode = (typeof IMPORT_MODES)[number];

export interface ImportRequest {
  readonly rows: ReadableStream<Uint8Array>;
  readonly format: RowFormat;
  readonly mode: ImportMode;
  /** Judge every line and write nothing. */
  readonly dryRun: boolean;
  /** Aborted where nobody waits for it any more: rows that are still to come are not. */
  readonly signal: AbortSignal;
}

/** A line that is no mapping, or that the store does not take. */
export interface BadLine {
  readonly line: number;
  readonly reason: string;
}

export const IMPORT_RESULTS = [
  "imported",
  /** A dry run that found nothing to stop it. */
  "checked",
  /** Nothing was written, because of bad lines or of more than can be written together. */
  "refused",
  /** The store did not take it, or the body broke off; `written` says how much is written all the same. */
  "failed",
] as const;

export interface ImportReport {
  readonly result: (typeof IMPORT_RESULTS)[number];
  /** Why it is not all written, beyond bad lines; null when it is. */
  readonly problem: string | null;
  /** Empty ones and the heading are not counted. */
  readonly lines: number;
  /** Lines that are a mapping, a later one for the same account in place of an earlier one. */
  readonly accounts: number;
  /** Lines whose account a later one names again, where that was seen: the last one counts. */
  readonly repeated: number;
  /** Mappings given to the store, those that it had already among them. */
  readonly written: number;
  readonly bad_lines: number;
  /** The first of them. */
  readonly errors: readonly BadLine[];
}

export interface ExportedMappings {
  /** How many there are, where that is known without counting. */
  readonly total: number | null;
  readonly pages: AsyncIterable<readonly Mapping[]>;
}

/** Methods throw ControlError. */
export interface BulkControl {
  /** Those of one destination, or all (null). The first page was read when it resolves. */
  export(destination: string | null): Promise<ExportedMappings>;
  /** "conflict" while another import is under way. */
  import(request: ImportRequest): Promise<ImportReport>;
}
