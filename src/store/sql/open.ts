import {
  parseSqlUrl,
  type SqlAddress,
  SqlUrlFault,
} from "../../config/sql_url.ts";
import { StoreError } from "../store.ts";
import type { SqlDatabase } from "./connection.ts";
import { type SqlQueries, SqlSource } from "./source.ts";

/** `[mapping.sql]`, and what it needs of the program around it. */
export interface SqlSourceOptions {
  readonly url: string;
  readonly queries: SqlQueries;
  readonly poolSize: number;
  /** `[mapping] lookup_timeout`, ms. */
  readonly timeout: () => number;
  /** PEM of the authorities that this host trusts. */
  readonly trustRoots: () => readonly string[];
  /** Told what is odd in a source that is served all the same. */
  readonly warn: (message: string) => void;
}

/** Nothing is connected yet. Throws StoreError for an address that is none. */
export async function openSqlSource(
  options: SqlSourceOptions,
): Promise<SqlSource> {
  const address = addressOf(options.url);
  for (const name of address.unknown) {
    options.warn(`mapping.sql.url: the parameter ${name} has no effect`);
  }
  const database = await databaseAt(address, options);
  return new SqlSource(database, options.queries, options.warn);
}

function addressOf(url: string): SqlAddress {
  try {
    return parseSqlUrl(url);
  } catch (error) {
    if (!(error instanceof SqlUrlFault)) throw error;
    throw new StoreError("bad-data", `mapping.sql.url ${error.message}`);
  }
}

/** Each kind with its library is loaded only where it is used. */
async function databaseAt(
  address: SqlAddress,
  options: SqlSourceOptions,
): Promise<SqlDatabase> {
  if (address.kind === "sqlite") {
    const { SqliteDatabase } = await import("./sqlite.ts");
    return new SqliteDatabase(address, options.timeout);
  }
  const { sqlServer } = await import("./server.ts");
  const server = await sqlServer(address, options);
  if (address.kind === "mysql") {
    const { MySqlDatabase } = await import("./mysql.ts");
    return new MySqlDatabase(server);
  }
  const { PostgresDatabase } = await import("./postgres.ts");
  return new PostgresDatabase(server);
}
