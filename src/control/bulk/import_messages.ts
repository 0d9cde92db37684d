/** What crosses between the control plane and the thread of an import. */
import type { Config } from "../../config/schema.ts";
import type {
  StoreFailure,
  StoreOperation,
} from "../../observe/metric_names.ts";
import type { FileStamp } from "../../store/replace_file.ts";
import type { Piece } from "../../store/sorted_rows.ts";
import type { ImportReport, ImportRequest } from "../api_bulk.ts";

/** How the rows are to be read and written. */
export type ImportTask = Pick<ImportRequest, "format" | "mode" | "dryRun">;

/** What came of an import, and who may have another mapping now; null: more than are worth naming. */
export interface Imported {
  readonly report: ImportReport;
  readonly changed: readonly string[] | null;
  /** The store has all that it was to be given. */
  readonly isCertain: boolean;
}

export interface ImportJob {
  readonly task: ImportTask;
  readonly config: Config;
  /** How many mappings there are, where that is known without counting. */
  readonly size: number | undefined;
}

/** What the thread is asked. */
export type ImportOrders = {
  run: { in: ImportJob; out: Imported };
};

/** A mapping file, and in how many pieces its table is. */
export interface LentFile {
  readonly path: string;
  readonly stamp: FileStamp;
  readonly pieces: number;
}

/** What it asks for. */
export type ImportAsks = {
  /** More of the body; null: that was all. `config`: it is another one now. */
  body: {
    in: null;
    out: { readonly bytes: Uint8Array; readonly config: Config | null } | null;
  };
  /** The mapping file, which nobody else writes to from then on until `giveBack`. */
  lend: { in: null; out: LentFile };
  /** Some pieces of its table. */
  pieces: { in: { readonly from: number }; out: readonly Piece[] };
  /** The pieces of the table that is to come, in their order: those of the old table by their numbers. */
  made: { in: readonly (Piece | number)[]; out: null };
  /** The file was replaced and looks so now; null: it was not. */
  giveBack: { in: FileStamp | null; out: null };
};

/** What it tells, of requests to a store in another program. */
export type ImportTells = {
  down: null;
  up: null;
  answered: { readonly operation: StoreOperation; readonly after: number };
  failed: { readonly operation: StoreOperation; readonly reason: StoreFailure };
};
