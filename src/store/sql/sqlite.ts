import { accessSync, constants } from "node:fs";
import { dirname } from "node:path";
import type { SqliteAddress } from "../../config/sql_url.ts";
import {
  type SqlConnection,
  type SqlDatabase,
  SqlFault,
  type SqlParameter,
  type SqlResult,
  type SqlShape,
  type SqlStatement,
  type SqlValue,
} from "./connection.ts";
import type {
  SqliteAnswer,
  SqliteFound,
  SqliteRequest,
} from "./sqlite_request.ts";

/** A worker cannot be broken off inside SQLite. So many may be on their way to an answer that nobody wants. */
const MOST_ABANDONED = 2;

/** Of a lookup's time, what a statement waits for a locked file: so that the second try ends in time too. */
const PATIENCE = 0.3;

/** A file, behind one worker: there is nothing to be won by asking it twice at a time. */
export class SqliteDatabase implements SqlDatabase {
  readonly parallel = 1;
  readonly writable: boolean;
  #abandoned = 0;

  /** `timeout`: `[mapping] lookup_timeout`, ms. */
  constructor(
    private readonly address: SqliteAddress,
    private readonly timeout: () => number,
  ) {
    this.writable = !address.readOnly && mayWrite(address.path);
  }

  async connect(signal: AbortSignal): Promise<SqlConnection> {
    if (this.#abandoned >= MOST_ABANDONED) {
      throw new SqlFault(
        "connection",
        "the database file is still busy with earlier requests",
      );
    }
    const connection = new SqliteConnection(
      () => this.#abandoned++,
      () => this.#abandoned--,
    );
    const abandon = () => connection.abandon();
    signal.addEventListener("abort", abandon, { once: true });
    try {
      await connection.open({
        path: this.address.path,
        readOnly: !this.writable,
        patience: this.timeout() * PATIENCE,
      });
      return connection;
    } catch (error) {
      connection.close();
      throw error;
    } finally {
      signal.removeEventListener("abort", abandon);
    }
  }
}

class SqliteConnection implements SqlConnection {
  lost = false;
  readonly #worker = new Worker(
    new URL("./sqlite_worker.ts", import.meta.url),
    { type: "module", name: "sqlite" },
  );
  #waiting: ((answer: SqliteAnswer) => void) | null = null;

  constructor(
    private readonly left: () => void,
    private readonly returned: () => void,
  ) {
    this.#worker.onmessage = ({ data }: MessageEvent<SqliteAnswer>) => {
      const waiting = this.#waiting;
      this.#waiting = null;
      waiting?.(data);
    };
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#waiting?.({ fault: "its thread has failed", ...BROKEN });
    };
  }

  async open(open: Extract<SqliteRequest, { open: unknown }>["open"]) {
    await this.#ask({ open });
  }

  run(statement: SqlStatement): Promise<SqlResult> {
    return this.#ask({ run: statement }) as Promise<SqlResult>;
  }

  readEach(
    readEach: string,
    parameters: readonly (readonly SqlParameter[])[],
  ): Promise<readonly SqlValue[]> {
    return this.#ask({ readEach, parameters }) as Promise<SqlValue[]>;
  }

  async transaction(transaction: readonly SqlStatement[]): Promise<void> {
    await this.#ask({ transaction });
  }

  describe(sql: string): Promise<SqlShape> {
    return this.#ask({ describe: sql }) as Promise<SqlShape>;
  }

  abandon(): void {
    const waiting = this.#waiting;
    if (this.lost || waiting === null) return this.close();
    this.lost = true;
    this.left();
    this.#waiting = () => {
      this.returned();
      this.#worker.terminate();
    };
    waiting({ fault: "it was given up", ...BROKEN });
  }

  close(): void {
    // One that was abandoned ends by itself.
    if (!this.lost) this.#worker.terminate();
    this.lost = true;
  }

  async #ask(request: SqliteRequest): Promise<SqliteFound> {
    const answer = await new Promise<SqliteAnswer>((resolve) => {
      this.#waiting = resolve;
      this.#worker.postMessage(request);
    });
    if ("answer" in answer) return answer.answer;
    if (answer.broken) this.close();
    throw new SqlFault(answer.kind, answer.fault);
  }
}

const BROKEN = { kind: "connection", broken: true } as const;

/** SQLite writes a journal beside the file. */
function mayWrite(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    accessSync(dirname(path), constants.W_OK);
    return true;
  } catch (error) {
    // What is not there yet is not known to be read-only.
    return (error as { code?: string }).code === "ENOENT";
  }
}
