/** Where mappings (account to destination) come from. Each source implements `MappingStore`. */
import type { FileTable } from "./file_table.ts";

/** Why a store did not do what it was asked. */
export type StoreErrorCode =
  /** The source cannot be reached or read now; the same request may succeed later. */
  | "unavailable"
  /** The source has something that cannot be understood; `problems` says what and where. */
  | "bad-data"
  /** The store could not read this identifier or destination back, so it takes no write of it. */
  | "unstorable"
  /** The source was configured without a way to write. */
  | "read-only"
  /** Somebody else changed the source since it was read; writing would lose that change. */
  | "conflict"
  /** The write failed and changed nothing. */
  | "write-failed";

/** The message is one line for the operator and holds no secret. */
export class StoreError extends Error {
  override readonly name = "StoreError";
  constructor(
    readonly code: StoreErrorCode,
    message: string,
    /** All that is wrong with the data, each with its place where that is known; at least the message. */
    readonly problems: readonly string[] = [message],
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

export interface Mapping {
  readonly identifier: string;
  readonly destination: string;
}

/** Identifiers and the destination that each is to have; null: none. */
export type MappingChanges = ReadonlyMap<string, string | null>;

export interface MappingPage {
  /** In the store's own order; there may be fewer than were asked for, even none, where more follow. */
  readonly mappings: readonly Mapping[];
  /** Give it as `after` for the page that follows; null when this was the last. */
  readonly next: string | null;
}

export interface StoreHealth {
  /** True when lookups are answered now. */
  readonly serving: boolean;
  /** One line for the operator, null when all is well. */
  readonly problem: string | null;
}

/** How many mappings are written at once. */
export interface WriteAll {
  /** What becomes of the mappings that are not among those written. */
  readonly rest: "keep" | "drop";
  /**
   * Awaited when everything is ready and nothing has changed, with what will change; what it throws calls
   * the write off.
   */
  readonly settle: (changing: MappingChanges) => Promise<void>;
}

/**
 * Makes another table of the one in the mapping file at `path`, and has replaced the file by it when it
 * resolves. Null where it has changed nothing.
 */
export type FileRewrite = (
  path: string,
  table: FileTable,
) => Promise<FileTable | null>;

/**
 * A source of mappings. Identifiers are normalized by the caller. Failures are StoreError. A source
 * that answers with an empty destination has no mapping for the account: the answer is null.
 */
export interface MappingStore {
  /** `[mapping] source`, for messages. */
  readonly source: "file" | "redis" | "sql";
  readonly writable: boolean;
  get(identifier: string): Promise<string | null>;
  /**
   * The same for each of these, in their order; callers bound how many they give at once. Absent where it
   * would cost no less than to ask for each.
   */
  getMany?(identifiers: readonly string[]): Promise<readonly (string | null)[]>;
  /** Create or replace; durable when it resolves. */
  set(identifier: string, destination: string): Promise<void>;
  /** True when there was a mapping. */
  delete(identifier: string): Promise<boolean>;
  /**
   * Many changes together: all or none of them where the source can do that, else some when it fails.
   * Callers bound how many they give at once.
   */
  write(changes: MappingChanges): Promise<void>;
  /** Absent where the source cannot: write all or none of `mappings`, at once for all who look them up. */
  writeAll?(
    mappings: ReadonlyMap<string, string>,
    how: WriteAll,
  ): Promise<void>;
  /** Where the mappings are a file that is held in memory: what `writeAll` does can be done elsewhere. */
  rewrite?(change: FileRewrite): Promise<void>;
  /** How many mappings there are, where that is known without counting. */
  readonly size?: number;
  /** At most `limit` mappings that follow `after` (null: from the start). */
  list(after: string | null, limit: number): Promise<MappingPage>;
  /** Why this identifier could not be read back from the source, or null when it can be stored. */
  unstorable(identifier: string): string | null;
  /**
   * Read the source again where it is held in memory; what was served before stays when that fails. Any
   * other source is asked whether it answers.
   */
  reload(): Promise<void>;
  /** Where the mappings are in memory: what is wrong with the destinations in use by other rules; none: []. */
  problemsUnder?(
    check: (destination: string) => string | null,
  ): readonly string[];
  /** As it was seen last: nothing is asked. */
  health(): StoreHealth;
  /** Waits for writes under way. */
  close(): Promise<void>;
}
