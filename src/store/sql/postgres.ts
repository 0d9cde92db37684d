import { Buffer } from "node:buffer";
import postgres from "postgres";
import {
  type ClientSocket as Socket,
  connectNode,
  secureNode,
  type ServerTrust,
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
import { BROKEN, connectionFault, type SqlServer } from "./server.ts";

/** The type `bytea`, whose text form is hexadecimal. */
const BYTEA = 17;

/** What a client says before its first message when it would like TLS. */
const TLS_REQUEST = new Uint8Array([0, 0, 0, 8, 4, 210, 22, 47]);

/** Rows in the text form of the protocol. */
type Rows = postgres.RowList<(Buffer | null)[][]>;

/** The library's types leave out how a connection is made. */
interface Options extends postgres.Options<Record<string, never>> {
  readonly socket: () => Promise<Socket>;
  readonly onnotify?: (channel: string, payload: string) => void;
}

/** How long a server has to take a request for cancellation, ms. */
const CANCEL_MS = 1000;

/** What is heard on a connection besides answers. */
export interface PostgresEars {
  /** After LISTEN. */
  notified(channel: string, payload: string): void;
  /** The connection is over. */
  closed(): void;
}

/** PostgreSQL. Each connection is a client of its own: a shared pool could not give up a single one. */
export class PostgresDatabase implements SqlDatabase {
  readonly writable = true;
  readonly parallel: number;

  constructor(private readonly server: SqlServer) {
    this.parallel = server.poolSize;
  }

  async connect(
    signal: AbortSignal,
    ears?: PostgresEars,
  ): Promise<SqlConnection> {
    const connection = new PostgresConnection(this.server, signal, ears);
    await connection.open();
    return connection;
  }
}

class PostgresConnection implements SqlConnection {
  lost = false;
  readonly #client: postgres.Sql;
  readonly #sockets = new Set<Socket>();
  /** What is under way, and what fails it at once. */
  #running: { cancel(): void } | null = null;
  #cutOff = () => {};
  #opened = false;

  constructor(
    private readonly server: SqlServer,
    private readonly signal: AbortSignal,
    ears?: PostgresEars,
  ) {
    const { address, user } = server;
    const options: Options = {
      ...targetOf(server),
      database: address.database || user,
      username: user,
      password: address.password,
      max: 1,
      // A named statement belongs to one server connection, which poolers change beneath their clients.
      prepare: false,
      fetch_types: false,
      // TLS and time limits are ours.
      ssl: false,
      connect_timeout: 0,
      idle_timeout: 0,
      max_lifetime: null,
      backoff: false,
      connection: { application_name: "mailferry" },
      onnotice: () => {},
      onclose: () => {
        this.lost = true;
        ears?.closed();
      },
      ...ears && {
        onnotify: (channel: string, payload: string) =>
          ears.notified(channel, payload),
      },
      socket: () => this.#dial(),
    };
    this.#client = postgres(options);
  }

  /** Connect and log in. */
  async open(): Promise<void> {
    const abort = () => this.close();
    this.signal.addEventListener("abort", abort, { once: true });
    try {
      await this.#query("SELECT 1", []);
    } catch (error) {
      this.close();
      this.signal.throwIfAborted();
      throw error;
    } finally {
      this.signal.removeEventListener("abort", abort);
      this.#opened = true;
    }
  }

  async run({ sql, parameters }: SqlStatement): Promise<SqlResult> {
    const result = await this.#query(sql, parameters);
    const types = result.columns?.map(({ type }) => type) ?? [];
    return {
      rows: result.map((row) =>
        row.map((value, i) => valueOf(value, types[i]))
      ),
      changes: result.count ?? 0,
    };
  }

  async transaction(statements: readonly SqlStatement[]): Promise<void> {
    await this.#query("BEGIN", []);
    try {
      for (const { sql, parameters } of statements) {
        await this.#query(sql, parameters);
      }
      await this.#query("COMMIT", []);
    } catch (error) {
      if (!this.lost) await this.#query("ROLLBACK", []);
      throw error;
    }
  }

  async describe(sql: string): Promise<SqlShape> {
    try {
      const { types, columns } = await this.#client.unsafe(sql, [], {
        simple: false,
      } as postgres.UnsafeQueryOptions).describe();
      return { parameters: types.length, columns: columns.length };
    } catch (error) {
      throw this.#fault(error, []);
    }
  }

  abandon(): void {
    const running = this.#running;
    if (this.lost || running === null) return this.close();
    this.lost = true;
    this.#cutOff();
    // The server would go on with it, and others after it, until its connections are used up.
    const cancelled = Promise.resolve<unknown>(running.cancel());
    const timer = setTimeout(() => this.close(), CANCEL_MS);
    const done = () => {
      clearTimeout(timer);
      this.close();
    };
    cancelled.then(done, done);
  }

  close(): void {
    this.lost = true;
    this.#cutOff();
    void this.#client.end({ timeout: 0 }).catch(() => {});
    for (const socket of this.#sockets) socket.destroy();
  }

  async #query(
    sql: string,
    parameters: readonly SqlParameter[],
  ): Promise<Rows> {
    const query = this.#client.unsafe(sql, [...parameters]);
    this.#running = query;
    const cut = new Promise<never>((_, reject) => {
      this.#cutOff = () => reject(new SqlFault("connection", BROKEN));
    });
    try {
      return await Promise.race([query.raw(), cut]) as unknown as Rows;
    } catch (error) {
      throw this.#fault(error, parameters);
    } finally {
      this.#running = null;
    }
  }

  #fault(error: unknown, parameters: readonly SqlParameter[]): SqlFault {
    if (!(error instanceof postgres.PostgresError)) {
      this.lost = true;
      return connectionFault(error);
    }
    const { code, message } = error;
    const kind = kindOf(code);
    if (kind === "connection") this.lost = true;
    return new SqlFault(
      kind,
      kind === "login"
        ? `the login is refused: ${LOGIN[code] ?? code}`
        : withoutValues(message, parameters),
    );
  }

  /** The library asks for a socket when it connects, and for others to cancel what is under way. */
  async #dial(): Promise<Socket> {
    if (this.#opened && !this.lost) throw new Error("the connection is lost");
    const { address, trust, clearAllowed } = this.server;
    const signal = this.#opened ? AbortSignal.timeout(CANCEL_MS) : this.signal;
    const socket = await connectNode(address.target, signal);
    this.#track(socket);
    if (trust === null) return socket;
    const secured = await requestTls(socket, trust, clearAllowed);
    if (secured !== socket) this.#track(secured);
    return secured;
  }

  #track(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
    if (this.signal.aborted && !this.#opened) socket.destroy();
  }
}

/** The library wants to know, though it dials through us. */
function targetOf({ address: { target } }: SqlServer) {
  return "path" in target ? { path: target.path } : target;
}

/** The server answers the request for TLS with one letter, before anything else. */
function requestTls(
  socket: Socket,
  trust: ServerTrust,
  clearAllowed: boolean,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const close = () => reject(new SqlFault("connection", "closed before TLS"));
    socket.once("error", reject);
    socket.once("close", close);
    socket.once("data", (answer: Uint8Array) => {
      socket.removeListener("error", reject);
      socket.removeListener("close", close);
      if (answer.length === 1 && answer[0] === 83) {
        return resolve(secureNode(socket, trust));
      }
      if (answer.length === 1 && answer[0] === 78 && clearAllowed) {
        return resolve(socket);
      }
      socket.destroy();
      reject(
        new SqlFault("login", "not logged in: the server offers no TLS"),
      );
    });
    socket.write(TLS_REQUEST);
  });
}

function valueOf(value: Buffer | null, type: number | undefined): SqlValue {
  if (value === null) return null;
  const text = value.toString("utf8");
  return type === BYTEA && text.startsWith("\\x")
    ? Buffer.from(text.slice(2), "hex")
    : text;
}

const LOGIN: Readonly<Record<string, string>> = {
  "28P01": "wrong user or password",
  "28000": "the server's pg_hba.conf does not let this user in",
  "3D000": "there is no such database",
};

/** By SQLSTATE: https://www.postgresql.org/docs/current/errcodes-appendix.html */
function kindOf(code: string): SqlFaultKind {
  if (code in LOGIN) return "login";
  switch (code.slice(0, 2)) {
    case "08":
      return code === "08P01" ? "statement" : "connection";
    case "0A":
    case "3F":
    case "42":
      return "statement";
    case "53":
      // 53100: the disk is full, which reading goes on with.
      return code === "53100" ? "request" : "connection";
    case "57":
      // 57014: cancelled, by a time limit of the server's.
      return code === "57014" ? "request" : "connection";
    default:
      return "request";
  }
}
