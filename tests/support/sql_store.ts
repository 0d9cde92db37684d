/** A store over [mapping.sql], opened as the proxy opens it. */
import { systemClock } from "../../src/observe/clock.ts";
import { RemoteStore } from "../../src/store/remote/store.ts";
import { openSqlSource } from "../../src/store/sql/open.ts";
import type { SqlQueries } from "../../src/store/sql/source.ts";

export interface OpenedSqlStore extends AsyncDisposable {
  readonly store: RemoteStore;
  /** What an operator was told, oldest first. */
  readonly told: readonly string[];
}

export interface SqlStoreOptions {
  readonly url: string;
  readonly queries: SqlQueries;
  readonly poolSize?: number;
  /** `lookup_timeout`, ms; generous, since the machine may be busy. */
  readonly timeout?: number;
  readonly trustRoots?: readonly string[];
}

export async function openSqlStore(
  { url, queries, poolSize = 4, timeout = 10_000, trustRoots = [] }:
    SqlStoreOptions,
): Promise<OpenedSqlStore> {
  const told: string[] = [];
  const source = await openSqlSource({
    url,
    queries,
    poolSize,
    timeout: () => timeout,
    trustRoots: () => trustRoots,
    warn: (message) => told.push(`warning: ${message}`),
  });
  const store = await RemoteStore.open(source, {
    timeout: () => timeout,
    clock: systemClock,
    events: {
      down: (problem) => told.push(`down: ${problem}`),
      up: () => told.push("up"),
      answered: () => {},
      failed: () => {},
    },
  });
  return {
    store,
    told,
    [Symbol.asyncDispose]: () => store.close(),
  };
}
