import type { Buffer } from "node:buffer";
import mysql from "mysql2";
import {
  type ClientSocket as Socket,
  connectNode,
  secureNode,
} from "../../net/node_client.ts";
import {
  type SqlConnection,
  type SqlDatabase,
  SqlFault,
  type SqlFaultKind,
  type SqlParameter,
  type SqlResult,
  type SqlShape,
  type SqlStatement,
  type SqlValue,
  withoutValues,
} from "./connection.ts";
import {
  askForBulk,
  BulkExecute,
  bulkPortions,
  NOT_IN_BULK,
  takesBulk,
} from "./mysql_bulk.ts";
import { internalsOf } from "./mysql_internals.ts";
import { ReadEach } from "./mysql_reading.ts";
import { BROKEN, connectionFault, type SqlServer } from "./server.ts";

/** MySQL and MariaDB. */
export class MySqlDatabase implements SqlDatabase {
  readonly writable = true;
  readonly parallel: number;

  constructor(private readonly server: SqlServer) {
    this.parallel = server.poolSize;
  }

  async connect(signal: AbortSignal): Promise<SqlConnection> {
    const { server } = this;
    const { trust, clearAllowed } = server;
    if (trust === null) {
      return await MySqlConnection.open(server, false, signal);
    }
    try {
      return await MySqlConnection.open(server, true, signal);
    } catch (error) {
      if (!clearAllowed || !isWithoutTls(error)) throw error;
      return await MySqlConnection.open(server, false, signal);
    }
  }
}

/** The library's own name for a server that does not offer TLS. */
function isWithoutTls(error: unknown): boolean {
  return error instanceof SqlFault && error.message === NO_TLS;
}

const NO_TLS = "not logged in: the server offers no TLS";

/** What the library knows of a prepared statement. */
interface Shapes {
  readonly id: number;
  readonly parameters: readonly unknown[];
  readonly columns: readonly unknown[];
}

/** What the library keeps to itself of a connection: how it goes over to TLS. */
interface Internals {
  stream: Socket;
  packetParser: { execute(bytes: Uint8Array): void };
  startTLS(onSecure: (error?: Error) => void): void;
  _handleNetworkError(error: Error): void;
}

class MySqlConnection implements SqlConnection {
  lost = false;
  /** Fails what is under way: the library says nothing of it when its connection is destroyed. */
  #cutOff = () => {};
  #takesBulk = false;

  private constructor(
    private readonly server: SqlServer,
    private readonly client: mysql.Connection,
    private readonly socket: Socket,
  ) {
    client.on("error", () => this.lost = true);
    client.on("end", () => this.lost = true);
    socket.on("close", () => this.lost = true);
  }

  static async open(
    server: SqlServer,
    tls: boolean,
    signal: AbortSignal,
  ): Promise<MySqlConnection> {
    const { address, user, timeout } = server;
    try {
      const socket = await connectNode(address.target, signal);
      const client = mysql.createConnection({
        stream: socket,
        user,
        password: address.password,
        database: address.database,
        charset: "utf8mb4",
        connectTimeout: 0,
        rowsAsArray: true,
        // Every value as the database would print it.
        supportBigNumbers: true,
        bigNumberStrings: true,
        dateStrings: true,
        jsonStrings: true,
        disableEval: true,
        flags: ["-LOCAL_FILES"],
        ...tls && { ssl: {} },
      });
      askForBulk(client);
      if (tls) useOwnTls(client as unknown as Internals, server, signal);
      const connection = new MySqlConnection(server, client, socket);
      await connection.#logIn(signal);
      connection.#takesBulk = takesBulk(client);
      await connection.#limitStatements(timeout());
      return connection;
    } catch (error) {
      signal.throwIfAborted();
      throw faultOf(error, []);
    }
  }

  run({ sql, parameters }: SqlStatement): Promise<SqlResult> {
    return this.#ask(parameters, (done) =>
      this.client.execute(
        { sql, rowsAsArray: true },
        [...parameters],
        (error, result, fields) => done(error, resultOf(result, fields)),
      ));
  }

  async readEach(
    sql: string,
    parameters: readonly (readonly SqlParameter[])[],
  ): Promise<readonly SqlValue[]> {
    if (this.#takesBulk) {
      const { id } = await this.#prepare(sql);
      const found = await this.#ask<readonly SqlValue[] | null>(
        parameters.flat(),
        (done) =>
          internalsOf(this.client).addCommand(
            new ReadEach(id, parameters, done),
          ),
      );
      if (found !== null) return found;
    }
    const found: SqlValue[] = [];
    for (const each of parameters) {
      const { rows } = await this.run({ sql, parameters: each });
      found.push(rows[0]?.[0] ?? null);
    }
    return found;
  }

  async transaction(statements: readonly SqlStatement[]): Promise<void> {
    await this.#command("START TRANSACTION");
    try {
      for (const run of runsOf(statements)) {
        if (await this.#inBulk(run)) continue;
        for (const statement of run) await this.run(statement);
      }
      await this.#command("COMMIT");
    } catch (error) {
      if (!this.lost) await this.#command("ROLLBACK");
      throw error;
    }
  }

  async describe(sql: string): Promise<SqlShape> {
    const { parameters, columns } = await this.#prepare(sql);
    return { parameters: parameters.length, columns: columns.length };
  }

  abandon(): void {
    // The time limit of the session ends at the server what is under way.
    this.close();
  }

  close(): void {
    this.lost = true;
    this.#cutOff();
    this.client.destroy();
    this.socket.destroy();
  }

  #prepare(sql: string): Promise<Shapes> {
    return this.#ask(
      [],
      (done) =>
        this.client.prepare(
          sql,
          (error, prepared) => done(error, prepared as unknown as Shapes),
        ),
    );
  }

  /** False where the server does not take this statement so: nothing was done. */
  async #inBulk(run: readonly SqlStatement[]): Promise<boolean> {
    const [first] = run;
    if (!this.#takesBulk || run.length < 2 || first === undefined) return false;
    const { id } = await this.#prepare(first.sql);
    for (const portion of bulkPortions(run)) {
      const rows = portion.map(({ parameters }) => parameters);
      let isTaken = true;
      await this.#ask(
        rows.flat(),
        (done) =>
          internalsOf(this.client).addCommand(
            new BulkExecute(id, rows, (error) => {
              isTaken =
                (error as mysql.QueryError | null)?.errno !== NOT_IN_BULK;
              done(isTaken ? error : null);
            }),
          ),
      );
      if (!isTaken) return false;
    }
    return true;
  }

  #logIn(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const abort = () => {
        this.close();
        reject(signal.reason);
      };
      signal.addEventListener("abort", abort, { once: true });
      const settled = () => signal.removeEventListener("abort", abort);
      this.client.once("connect", () => {
        settled();
        resolve();
      });
      this.client.once("error", (error: Error) => {
        settled();
        this.close();
        reject(error);
      });
    });
  }

  /**
   * A statement whose answer nobody waits for any more must not go on at the server. MariaDB and MySQL have
   * different names for the limit, and each takes the other's for a comment; an old server has none.
   */
  async #limitStatements(ms: number): Promise<void> {
    // Whoever waits has given up by then, and says so in the words of all stores.
    const limit = ms * 1.25;
    const seconds = (limit / 1000).toFixed(3);
    await this.#command(
      `SET SESSION /*M!100101 max_statement_time=${seconds} */` +
        `/*!50708 max_execution_time=${Math.ceil(limit)} */`,
    ).catch((error) => {
      if (this.lost) throw error;
    });
  }

  /** In the text protocol: the other one does not know all of these. */
  #command(sql: string): Promise<void> {
    return this.#ask([], (done) => this.client.query(sql, (e) => done(e)));
  }

  #ask<T>(
    parameters: readonly SqlParameter[],
    send: (done: (error: Error | null, answer?: T) => void) => void,
  ): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.lost) return reject(new SqlFault("connection", BROKEN));
      this.#cutOff = () => reject(new SqlFault("connection", BROKEN));
      send((error, answer) => {
        if (!error) return resolve(answer as T);
        const fault = faultOf(error, parameters);
        if (fault.kind === "connection") this.lost = true;
        reject(fault);
      });
    });
  }
}

/** Neighbours with the same text. */
function runsOf(statements: readonly SqlStatement[]): SqlStatement[][] {
  const runs: SqlStatement[][] = [];
  for (const statement of statements) {
    const last = runs.at(-1);
    if (last?.[0]?.sql === statement.sql) last.push(statement);
    else runs.push([statement]);
  }
  return runs;
}

/** The library's own TLS takes a certificate for "localhost" where the host is an IP address. */
function useOwnTls(
  client: Internals,
  { trust }: SqlServer,
  signal: AbortSignal,
): void {
  client.startTLS = (onSecure) => {
    const raw = client.stream;
    raw.removeAllListeners("data");
    secureNode(raw, trust!, signal).then((secured) => {
      secured.on(
        "data",
        (bytes: Uint8Array) => client.packetParser.execute(bytes),
      );
      secured.on("error", (error) => client._handleNetworkError(error));
      secured.on("close", () => raw.destroy());
      client.stream = secured;
      onSecure();
    }, onSecure);
  };
}

type Answer = Parameters<
  NonNullable<Parameters<mysql.Connection["execute"]>[2]>
>;

function resultOf(result: Answer[1], fields: Answer[2]): SqlResult {
  if (!Array.isArray(result)) {
    const { affectedRows } = (result ?? {}) as mysql.ResultSetHeader;
    return { rows: [], changes: affectedRows ?? 0 };
  }
  // A procedure gives several results, and there are fields for each.
  const several = Array.isArray(fields?.[0]);
  const rows = (several ? result[0] : result) as unknown as unknown[][];
  return { rows: rows.map((row) => row.map(valueOf)), changes: rows.length };
}

function valueOf(value: unknown): SqlValue {
  if (value === null || value instanceof Uint8Array) {
    return value as Buffer | null;
  }
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** Numbers of https://mariadb.com/kb/en/mariadb-error-code-reference/; MySQL's are the same. */
const LOGIN: Readonly<Record<number, string>> = {
  1044: "this user may not use the database",
  1045: "wrong user or password",
  1049: "there is no such database",
  1130: "this host may not connect",
  1698: "wrong user or password",
  1862: "the password has expired",
};

const STATEMENT = new Set([
  ...[1046, 1051, 1052, 1054, 1055, 1058, 1064, 1102, 1103, 1109, 1136, 1142],
  ...[1143, 1146, 1149, 1210, 1222, 1235, 1295, 1305, 1318, 1356, 1370],
]);

/** Too many connections or too busy, shutting down, killed, a prepared statement that is gone. */
const CONNECTION = new Set([
  ...[1040, 1053, 1077, 1129, 1152, 1158, 1159, 1160, 1161, 1184, 1203, 1226],
  ...[1243, 1927, 2006, 2013],
]);

function faultOf(
  error: unknown,
  parameters: readonly SqlParameter[],
): SqlFault {
  const { errno, code, message, fatal } = error as mysql.QueryError;
  if (code === "HANDSHAKE_NO_SSL_SUPPORT") return new SqlFault("login", NO_TLS);
  if (errno === undefined || !("sqlState" in (error as object))) {
    return connectionFault(error);
  }
  const text = withoutValues(message, parameters);
  if (errno in LOGIN) {
    return new SqlFault("login", `the login is refused: ${LOGIN[errno]}`);
  }
  const kind: SqlFaultKind = CONNECTION.has(errno) || fatal
    ? "connection"
    : STATEMENT.has(errno)
    ? "statement"
    : "request";
  return new SqlFault(kind, text);
}
