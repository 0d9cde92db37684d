import type {
  StoreFailure,
  StoreOperation,
} from "../../observe/metric_names.ts";
import type { MappingChanges, MappingPage, StoreError } from "../store.ts";

/** How long a source may take to connect, ms, where a lookup has not less. */
export const CONNECT_MS = 3000;

/**
 * A server or database that mappings are in, for RemoteStore, which adds time limits, a bound on what is
 * under way and recovery; a source has none of these. Each request gets a signal: when it is aborted the
 * request has to be given up at once, with what it occupies (a connection whose answer is still to come
 * is of no use to others). Failures are StoreError:
 * - "unavailable": no other lookup would be answered either (no connection, wrong password, a query
 *   that cannot be prepared). Lookups end here until `check` succeeds;
 * - "bad-data": what is there for this identifier cannot be used;
 * - "write-failed": the server refused a write, and nothing has changed.
 * Messages name no address and no password: they are shown to those who ask for readiness.
 */
export interface RemoteSource {
  readonly source: "redis" | "sql";
  readonly writable: boolean;
  /** What `check` found wrong that lookups do without; null: nothing. */
  readonly problem?: string | null;
  /** It is several servers, so that what one request fails with says nothing of others: see `check`. */
  readonly isPartial?: boolean;
  /** So many requests may be under way at once; RemoteStore keeps others waiting. */
  readonly parallel: number;
  /** The destination; null or "" where there is none. */
  get(identifier: string, signal: AbortSignal): Promise<string | null>;
  /** The same for each of these, in their order, in less time than one by one. */
  getMany(
    identifiers: readonly string[],
    signal: AbortSignal,
  ): Promise<(string | null)[]>;
  /** True when there was a mapping. */
  delete(identifier: string, signal: AbortSignal): Promise<boolean>;
  /** See MappingStore; what a single mapping is set by, too. */
  write(changes: MappingChanges, signal: AbortSignal): Promise<void>;
  list(
    after: string | null,
    limit: number,
    signal: AbortSignal,
  ): Promise<MappingPage>;
  /** Why this could not be read back, beyond what no remote store takes; null: nothing. */
  unstorable?(identifier: string): string | null;
  /** Succeeds where lookups, or some of them, would: connects, logs in, and asks what a lookup asks. */
  check(signal: AbortSignal): Promise<void>;
  /** Close all connections now; requests under way fail, later ones connect anew. */
  drop(): void;
  close(): Promise<void>;
}

/** What a remote store asks of its surroundings. */
export interface RemoteEvents {
  /** Lookups are not answered from now on, or still not, for another reason. */
  down(problem: string): void;
  /** They are again. Not called for a store that was never down. */
  up(): void;
  /** A request was answered, after so many ms. */
  answered(operation: StoreOperation, after: number): void;
  failed(operation: StoreOperation, reason: StoreFailure): void;
}

/** The reason in the metrics for an error of a source. */
export function failureOf({ code }: StoreError): StoreFailure {
  if (code === "unavailable" || code === "bad-data") return code;
  return "rejected";
}
