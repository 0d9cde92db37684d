import type { RemoteSource } from "../remote/source.ts";
import { type MappingChanges, type MappingPage, StoreError } from "../store.ts";
import {
  type SqlConnection,
  type SqlDatabase,
  SqlFault,
  type SqlStatement,
  type SqlValue,
} from "./connection.ts";
import { Connections } from "./connections.ts";

/** The statements of `[mapping.sql]`; undefined: not configured. */
export interface SqlQueries {
  readonly query: string;
  readonly upsert_query?: string | undefined;
  readonly delete_query?: string | undefined;
  readonly list_query?: string | undefined;
}

type QueryName = keyof SqlQueries;

/** What is bound to each statement, in this order. */
const BOUND: Readonly<Record<QueryName, readonly string[]>> = {
  query: ["the identifier"],
  upsert_query: ["the identifier", "the destination"],
  delete_query: ["the identifier"],
  list_query: ["the identifier to go on behind", "a number of rows"],
};

/** No account has it, so that what is asked with it finds nothing. */
const NOBODY = "";

/** Mappings that statements of the operator's own find and change in a database. */
export class SqlSource implements RemoteSource {
  readonly source = "sql";
  readonly writable: boolean;
  readonly parallel: number;
  readonly #connections: Connections;
  #problem: string | null = null;

  constructor(
    database: SqlDatabase,
    private readonly queries: SqlQueries,
    private readonly warn: (message: string) => void,
  ) {
    const { upsert_query, delete_query } = queries;
    this.writable = database.writable && upsert_query !== undefined &&
      delete_query !== undefined;
    this.parallel = database.parallel;
    this.#connections = new Connections(database);
  }

  get problem(): string | null {
    return this.#problem;
  }

  get(identifier: string, signal: AbortSignal): Promise<string | null> {
    return this.#use(signal, "bad-data", async (connection) => {
      const { rows } = await connection.run({
        sql: this.queries.query,
        parameters: [identifier],
      });
      return word("destination", rows[0]?.[0] ?? null);
    });
  }

  getMany(
    identifiers: readonly string[],
    signal: AbortSignal,
  ): Promise<(string | null)[]> {
    const sql = this.queries.query;
    return this.#use(signal, "bad-data", async (connection) => {
      const found = await connection.readEach(
        sql,
        identifiers.map((each) => [each]),
      );
      return found.map((value) => word("destination", value));
    });
  }

  delete(identifier: string, signal: AbortSignal): Promise<boolean> {
    return this.#use(signal, "write-failed", async (connection) => {
      const { changes } = await connection.run(this.#change(identifier, null));
      return changes > 0;
    });
  }

  write(changes: MappingChanges, signal: AbortSignal): Promise<void> {
    const statements = [...changes].map(([identifier, destination]) =>
      this.#change(identifier, destination)
    );
    return this.#use(signal, "write-failed", async (connection) => {
      if (statements.length > 1) return connection.transaction(statements);
      for (const statement of statements) await connection.run(statement);
    });
  }

  list(
    after: string | null,
    limit: number,
    signal: AbortSignal,
  ): Promise<MappingPage> {
    const sql = this.queries.list_query;
    if (sql === undefined) {
      throw new StoreError(
        "bad-data",
        "mappings cannot be listed: [mapping.sql] has no list_query",
      );
    }
    return this.#use(signal, "bad-data", async (connection) => {
      const { rows } = await connection.run({
        sql,
        parameters: [after ?? NOBODY, limit],
      }).catch((error) => {
        // It is wrong or not allowed, which lookups do without.
        if (error instanceof SqlFault && error.kind === "statement") {
          throw new StoreError("bad-data", `list_query: ${error.message}`);
        }
        throw error;
      });
      return pageOf(rows, after, limit);
    });
  }

  async check(signal: AbortSignal): Promise<void> {
    await this.#use(signal, "bad-data", async (connection) => {
      await this.#verify(connection, "query");
      const problem = await this.#problemOfOthers(connection);
      if (problem !== null && problem !== this.#problem) this.warn(problem);
      this.#problem = problem;
      // Whether this user may read the table shows only now.
      await connection.run({ sql: this.queries.query, parameters: [NOBODY] })
        .catch((error) => {
          // The answer for an identifier of no account need not be a good one.
          if (error instanceof SqlFault && error.kind === "request") return;
          throw error;
        });
    });
  }

  drop(): void {
    this.#connections.drop();
  }

  close(): Promise<void> {
    this.drop();
    return Promise.resolve();
  }

  #change(identifier: string, destination: string | null): SqlStatement {
    const { upsert_query, delete_query } = this.queries;
    const sql = destination === null ? delete_query : upsert_query;
    if (sql === undefined) {
      throw new StoreError("read-only", "the mapping store is read-only");
    }
    const parameters = destination === null
      ? [identifier]
      : [identifier, destination];
    return { sql, parameters };
  }

  async #problemOfOthers(connection: SqlConnection): Promise<string | null> {
    const names: QueryName[] = ["upsert_query", "delete_query", "list_query"];
    const problems: string[] = [];
    for (const name of names) {
      try {
        await this.#verify(connection, name);
      } catch (error) {
        if (!(error instanceof SqlFault) || connection.lost) throw error;
        problems.push(error.message);
      }
    }
    return problems.length === 0 ? null : problems.join("; ");
  }

  async #verify(connection: SqlConnection, name: QueryName): Promise<void> {
    const sql = this.queries[name];
    if (sql === undefined) return;
    const bound = BOUND[name];
    let fault: string | null;
    try {
      const { parameters, columns } = await connection.describe(sql);
      const wanted = name === "query" ? 1 : name === "list_query" ? 2 : 0;
      fault = parameters !== bound.length
        ? `takes ${parameters} parameters, and ${bound.length} are bound to it: ${
          bound.join(" and ")
        }`
        : columns < wanted && !/^\s*call\b/i.test(sql)
        ? `gives ${columns} columns, and ${wanted} are needed`
        : null;
    } catch (error) {
      if (!(error instanceof SqlFault) || isUnreachable(error)) throw error;
      fault = error.message;
    }
    if (fault !== null) throw new SqlFault("statement", `${name}: ${fault}`);
  }

  /** `code` is what a refused request is to the caller. */
  async #use<T>(
    signal: AbortSignal,
    code: "bad-data" | "write-failed",
    job: (connection: SqlConnection) => Promise<T>,
  ): Promise<T> {
    try {
      return await this.#connections.use(signal, job);
    } catch (error) {
      if (!(error instanceof SqlFault)) throw error;
      const unavailable = isUnreachable(error) ||
        error.kind === "statement" && code !== "write-failed";
      throw new StoreError(unavailable ? "unavailable" : code, error.message);
    }
  }
}

function isUnreachable({ kind }: SqlFault): boolean {
  return kind === "connection" || kind === "login";
}

/** Bytes are read as text; "" and NULL are no word. Throws StoreError. */
function word(what: string, value: SqlValue): string | null {
  if (value === null || value.length === 0) return null;
  if (typeof value === "string") return value;
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(value);
  } catch {
    throw new StoreError("bad-data", `the ${what} found is not UTF-8 text`);
  }
}

/** Rows without identifier or destination are left out. */
function pageOf(
  rows: readonly (readonly SqlValue[])[],
  after: string | null,
  limit: number,
): MappingPage {
  const mappings = [];
  let last: string | null = null;
  for (const row of rows) {
    const identifier = word("identifier", row[0] ?? null);
    const destination = word("destination", row[1] ?? null);
    if (identifier !== null) last = identifier;
    if (identifier === null || destination === null) continue;
    mappings.push({ identifier, destination });
  }
  if (rows.length < limit) return { mappings, next: null };
  if (last === null || last === after || rows.length > limit) {
    throw new StoreError(
      "bad-data",
      "list_query does not go on: it has to give so many rows as its second parameter says that follow the first one, in the order of the identifier",
    );
  }
  return { mappings, next: last };
}
