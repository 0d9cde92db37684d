/** The SQL servers that mappings are kept in, for tests that hold for each. */
import { MariaDb } from "./mariadb.ts";
import { Postgres } from "./postgres.ts";
import { type StorePage, storePage } from "./store_page.ts";

/** A server, and the documentation's example for it. */
export interface Database extends AsyncDisposable {
  readonly server: Postgres["server"];
  url(parameters?: string, password?: string): string;
  sql(statements: string): Promise<unknown>;
}

/** A kind of server that the SQL store speaks to. */
export interface SqlServerKind {
  readonly name: string;
  readonly needs: readonly string[];
  readonly page: StorePage;
  start(): Promise<Database>;
  /** A statement that takes longer than any test. */
  readonly sleep: string;
}

export const SQL_SERVERS: readonly SqlServerKind[] = [
  {
    name: "PostgreSQL",
    needs: ["postgres"],
    page: await storePage("postgresql"),
    start: () => Postgres.start(),
    sleep: "SELECT pg_sleep(600)",
  },
  {
    name: "MariaDB",
    needs: ["mariadbd"],
    page: await storePage("mysql"),
    start: () => MariaDb.start(),
    sleep: "SELECT SLEEP(600)",
  },
];
