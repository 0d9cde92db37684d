/** What crosses between a SqliteConnection and its worker. */
import type {
  SqlFaultKind,
  SqlParameter,
  SqlResult,
  SqlShape,
  SqlStatement,
  SqlValue,
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
  | {
    readonly readEach: string;
    readonly parameters: readonly (readonly SqlParameter[])[];
  }
  | { readonly transaction: readonly SqlStatement[] }
  | { readonly describe: string };

/** What the requests ask for, in their order; null: nothing. */
export type SqliteFound = null | SqlResult | SqlShape | readonly SqlValue[];

export type SqliteAnswer =
  | { readonly answer: SqliteFound }
  | {
    readonly fault: string;
    readonly kind: SqlFaultKind;
    /** The file has to be opened anew. */
    readonly broken: boolean;
  };
