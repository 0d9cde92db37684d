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
import {
  pipeline,
  type PipelinedResult,
  PipelineError,
} from "./postgres_pipeline.ts";
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
  /** The one that the library speaks over. */
  #socket: Socket | null = null;
  /** What the server wants to hear from those who call something off; null: it was not said yet. */
  #cancellation: Uint8Array | null = null;
  /** What fails at once what is under way; null: nothing is. */
  #cutOff: (() => void) | null = null;
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
      const { state: { pid, secret } } = await this.#query("SELECT 1", []);
      this.#cancellation = cancellation(pid, secret);
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

  async readEach(
    sql: string,
    parameters: readonly (readonly SqlParameter[])[],
  ): Promise<readonly SqlValue[]> {
    const results = await this.#pipeline(
      parameters.map((each) => ({ sql, parameters: each })),
    );
    return results.map(({ rows, types }) =>
      valueOf(rows[0]?.[0] ?? null, types[0])
    );
  }

  async transaction(statements: readonly SqlStatement[]): Promise<void> {
    await this.#query("BEGIN", []);
    try {
      await this.#pipeline(statements);
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
    const cutOff = this.#cutOff;
    if (this.lost || cutOff === null) return this.close();
    this.lost = true;
    cutOff();
    // The server would go on with it, and others after it, until its connections are used up.
    const timer = setTimeout(() => this.close(), CANCEL_MS);
    const done = () => {
      clearTimeout(timer);
      this.close();
    };
    this.#cancel().then(done, done);
  }

  close(): void {
    this.lost = true;
    this.#cutOff?.();
    void this.#client.end({ timeout: 0 }).catch(() => {});
    for (const socket of this.#sockets) socket.destroy();
  }

  async #query(
    sql: string,
    parameters: readonly SqlParameter[],
  ): Promise<Rows> {
    const query = this.#client.unsafe(sql, [...parameters]);
    return await this.#running(
      query.raw() as unknown as Promise<Rows>,
      parameters,
    );
  }

  #pipeline(statements: readonly SqlStatement[]): Promise<PipelinedResult[]> {
    const { serializers } = this.#client.options;
    return this.#running(
      pipeline(
        this.#socket!,
        statements,
        (type, value) => String(serializers[type]?.(value) ?? value),
      ),
      [],
    );
  }

  async #running<T>(
    job: PromiseLike<T>,
    parameters: readonly SqlParameter[],
  ): Promise<T> {
    const { promise: cut, reject } = Promise.withResolvers<never>();
    this.#cutOff = () => reject(new SqlFault("connection", BROKEN));
    try {
      return await Promise.race([job, cut]);
    } catch (error) {
      throw this.#fault(error, parameters);
    } finally {
      this.#cutOff = null;
    }
  }

  /** The server takes this on a connection of its own, which it closes. */
  async #cancel(): Promise<void> {
    if (this.#cancellation === null) return;
    const socket = await this.#dial();
    const { promise: closed, resolve } = Promise.withResolvers<void>();
    socket.once("error", () => resolve());
    socket.once("close", () => resolve());
    socket.write(this.#cancellation);
    await closed;
  }

  #fault(error: unknown, parameters: readonly SqlParameter[]): SqlFault {
    const isPipelined = error instanceof PipelineError;
    if (!isPipelined && !(error instanceof postgres.PostgresError)) {
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
        : withoutValues(message, isPipelined ? error.parameters : parameters),
    );
  }

  /** For the library when it connects, and to call off what is under way. */
  async #dial(): Promise<Socket> {
    if (this.#opened && !this.lost) throw new Error("the connection is lost");
    const { address, trust, clearAllowed } = this.server;
    const signal = this.#opened ? AbortSignal.timeout(CANCEL_MS) : this.signal;
    const socket = await connectNode(address.target, signal);
    this.#track(socket);
    const secured = trust === null
      ? socket
      : await requestTls(socket, trust, clearAllowed, signal);
    if (secured !== socket) this.#track(secured);
    if (!this.#opened) this.#socket = secured;
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
  signal: AbortSignal,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const close = () => reject(new SqlFault("connection", "closed before TLS"));
    socket.once("error", reject);
    socket.once("close", close);
    socket.once("data", (answer: Uint8Array) => {
      socket.removeListener("error", reject);
      socket.removeListener("close", close);
      if (answer.length === 1 && answer[0] === 83) {
        return resolve(secureNode(socket, trust, signal));
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

/** CancelRequest, with what the server has told of this connection. */
function cancellation(pid: number, secret: number): Uint8Array {
  const message = Buffer.from([0, 0, 0, 16, 4, 210, 22, 46, ...Array(8)]);
  message.writeInt32BE(pid | 0, 8);
  message.writeInt32BE(secret | 0, 12);
  return message;
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
