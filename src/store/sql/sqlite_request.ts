/** What crosses between a SqliteConnection and its worker. */
import type {
  SqlFaultKind,
  SqlResult,
  SqlShape,
  SqlStatement,
} from "./connection.ts";

export interface SqliteFile {
  readonly path: string;
  readonly readOnly: boolean;
  /** How long a statement waits for a file that somebody else has locked, ms. */
  readonly patience: number;
}

/** The first request opens the file; then they come one by one. */
export type SqliteRequest =
  | { readonly open: SqliteFile }
  | { readonly run: SqlStatement }
  | { readonly transaction: readonly SqlStatement[] }
  | { readonly describe: string };

export type SqliteAnswer =
  | { readonly answer: SqlResult | SqlShape | null }
  | {
    readonly fault: string;
    readonly kind: SqlFaultKind;
    /** The file has to be opened anew. */
    readonly broken: boolean;
  };
