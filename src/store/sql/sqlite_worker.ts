/// <reference lib="deno.worker" />
/** Runs statements on one SQLite file: node:sqlite is synchronous, and waits where the file is locked. */
import { DatabaseSync, type StatementSync } from "node:sqlite";
import {
  SqlFault,
  type SqlFaultKind,
  type SqlParameter,
  type SqlResult,
  type SqlShape,
  type SqlStatement,
  withoutValues,
} from "./connection.ts";
import type {
  SqliteAnswer,
  SqliteFile,
  SqliteFound,
  SqliteRequest,
} from "./sqlite_request.ts";

/** What the types of this runtime leave out. */
interface RowsAsArrays extends StatementSync {
  setReturnArrays(enabled: boolean): void;
}

/** Statements take no more parameters than this; whether one takes too many is found out with one more. */
const MOST_PARAMETERS = 3;

class SqliteFileInUse {
  readonly #statements = new Map<string, StatementSync>();

  private constructor(
    private readonly file: SqliteFile,
    private readonly database: DatabaseSync,
    private readonly identity: string,
  ) {}

  static open(file: SqliteFile): SqliteFileInUse {
    // Opening would make a file that is not there.
    const identity = identityOf(file.path);
    const database = new DatabaseSync(file.path, { readOnly: file.readOnly });
    const opened = new SqliteFileInUse(file, database, identity);
    database.exec(`PRAGMA busy_timeout = ${Math.ceil(file.patience)}`);
    return opened;
  }

  /** A file that was put in the place of this one is another one. */
  current(): SqliteFileInUse {
    if (identityOf(this.file.path) === this.identity) return this;
    this.database.close();
    return SqliteFileInUse.open(this.file);
  }

  run({ sql, parameters }: SqlStatement): SqlResult {
    const statement = this.#prepared(sql);
    if (statement.columns().length === 0) {
      const { changes } = statement.run(...parameters);
      return { rows: [], changes: Number(changes) };
    }
    const rows = statement.all(...parameters) as unknown as unknown[][];
    return {
      rows: rows.map((row) =>
        row.map((value) =>
          value === null || value instanceof Uint8Array ? value : String(value)
        )
      ),
      changes: rows.length,
    };
  }

  transaction(statements: readonly SqlStatement[]): void {
    this.database.exec("BEGIN IMMEDIATE");
    try {
      for (const statement of statements) this.run(statement);
      this.database.exec("COMMIT");
    } catch (error) {
      try {
        this.database.exec("ROLLBACK");
      } catch {
        // Some failures, such as a full disk, have rolled it back already.
      }
      throw error;
    }
  }

  describe(sql: string): SqlShape {
    const columns = this.database.prepare(sql).columns().length;
    // Explained, it does nothing, but it takes the same parameters.
    const explained = this.database.prepare(`EXPLAIN ${sql}`);
    for (let parameters = MOST_PARAMETERS; parameters > 0; parameters--) {
      try {
        explained.all(...Array<SqlParameter>(parameters).fill(""));
        return { parameters, columns };
      } catch (error) {
        if (codeOf(error) !== OUT_OF_RANGE) throw error;
      }
    }
    return { parameters: 0, columns };
  }

  #prepared(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.database.prepare(sql);
      (statement as RowsAsArrays).setReturnArrays(true);
      statement.setReadBigInts(true);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
}

function identityOf(path: string): string {
  const { dev, ino } = Deno.statSync(path);
  return `${dev}:${ino}`;
}

/** https://www.sqlite.org/rescode.html */
const OUT_OF_RANGE = 25;

const LOCKED = new Set([5, 6]);

const KINDS: Readonly<Record<number, [SqlFaultKind, string | null]>> = {
  1: ["statement", null],
  3: ["connection", "no permission for the database file"],
  5: ["connection", "the database file is locked"],
  6: ["connection", "the database file is locked"],
  10: ["connection", "the database file cannot be read or written"],
  11: ["connection", "the database file is damaged"],
  14: ["connection", "the database file cannot be opened"],
  [OUT_OF_RANGE]: ["statement", null],
  26: ["connection", "the file is no SQLite database"],
};

/** The primary result code; undefined where SQLite was not asked. */
function codeOf(error: unknown): number | undefined {
  const { errcode } = error as { errcode?: number };
  return errcode === undefined ? undefined : errcode & 0xff;
}

function faultOf(error: unknown, parameters: readonly SqlParameter[]) {
  const { name, message } = error as Error;
  const code = codeOf(error);
  if (code !== undefined) {
    const [kind, text] = KINDS[code] ?? ["request", null];
    return new SqlFault(kind, text ?? withoutValues(message, parameters));
  }
  return new SqlFault(
    "connection",
    name === "NotFound"
      ? "there is no such database file"
      : "the database file cannot be opened",
  );
}

let inUse: SqliteFileInUse | null = null;

function answer(request: SqliteRequest): SqliteFound {
  if ("open" in request) {
    inUse = SqliteFileInUse.open(request.open);
    return null;
  }
  inUse = inUse!.current();
  if ("run" in request) return inUse.run(request.run);
  if ("readEach" in request) {
    const { readEach: sql, parameters } = request;
    return parameters.map((each) =>
      inUse!.run({ sql, parameters: each }).rows[0]?.[0] ?? null
    );
  }
  if ("describe" in request) return inUse.describe(request.describe);
  inUse.transaction(request.transaction);
  return null;
}

function boundTo(request: SqliteRequest): readonly SqlParameter[] {
  if ("run" in request) return request.run.parameters;
  if ("transaction" in request) {
    return request.transaction.flatMap(({ parameters }) => parameters);
  }
  return "readEach" in request ? request.parameters.flat() : [];
}

self.onmessage = ({ data }: MessageEvent<SqliteRequest>) => {
  let sent: SqliteAnswer;
  try {
    sent = { answer: answer(data) };
  } catch (error) {
    const { kind, message: fault } = faultOf(error, boundTo(data));
    const broken = kind === "connection" && !LOCKED.has(codeOf(error) ?? 0);
    sent = { fault, kind, broken };
  }
  self.postMessage(sent);
};
