/** What the SQL source asks of a database, whichever it is. */

/** The identifier, the destination, or how many rows. */
export type SqlParameter = string | number;

/** Text of any type that is no binary one, in the database's own words. */
export type SqlValue = string | Uint8Array | null;

export interface SqlResult {
  readonly rows: readonly (readonly SqlValue[])[];
  /** Rows that a statement which writes has found. */
  readonly changes: number;
}

/** A statement as the database understands it. */
export interface SqlShape {
  readonly parameters: number;
  readonly columns: number;
}

export interface SqlStatement {
  readonly sql: string;
  readonly parameters: readonly SqlParameter[];
}

/** One request at a time. Failures are SqlFault. */
export interface SqlConnection {
  /** Nothing can be asked of it any more. */
  readonly lost: boolean;
  /** Values are bound: they are never part of the statement's text. */
  run(statement: SqlStatement): Promise<SqlResult>;
  /** What a statement that only reads gives for each of these: the first value of the first row, null without one. */
  readEach(
    sql: string,
    parameters: readonly (readonly SqlParameter[])[],
  ): Promise<readonly SqlValue[]>;
  /** All or none. */
  transaction(statements: readonly SqlStatement[]): Promise<void>;
  /** Without running it. */
  describe(sql: string): Promise<SqlShape>;
  /** Close it at once, and call off at the server what is under way. */
  abandon(): void;
  close(): void;
}

/** Opens connections to one database. */
export interface SqlDatabase {
  /** So many connections make sense at most. */
  readonly parallel: number;
  readonly writable: boolean;
  /** Throws SqlFault. */
  connect(signal: AbortSignal): Promise<SqlConnection>;
}

export type SqlFaultKind =
  /** The database could not be asked, or the connection broke. */
  | "connection"
  /** It does not let this user in. */
  | "login"
  /** It cannot do what the statement says, whatever the values. */
  | "statement"
  /** It did not do it this time, or for these values. */
  | "request";

/** The message is one line, names no address, and holds neither a password nor a value that was bound. */
export class SqlFault extends Error {
  override readonly name = "SqlFault";
  constructor(readonly kind: SqlFaultKind, message: string) {
    super(message);
  }
}

/** Longer messages of a database are cut. */
const LONGEST_MESSAGE = 200;

/** What a database says about a statement, as one line and without the values of an account. */
export function withoutValues(
  message: string,
  parameters: readonly SqlParameter[],
): string {
  let line = message.replaceAll(/\s+/g, " ").trim();
  for (const value of parameters) {
    if (typeof value === "string" && value.length > 2) {
      line = line.replaceAll(value, "[...]");
    }
  }
  return line.length > LONGEST_MESSAGE
    ? `${line.slice(0, LONGEST_MESSAGE)}...`
    : line;
}
