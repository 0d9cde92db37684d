import type { SqlConnection, SqlDatabase } from "./connection.ts";

/** Connections that are kept for the next request. How many there are at once is up to the callers. */
export class Connections {
  #idle: SqlConnection[] = [];
  readonly #busy = new Set<SqlConnection>();
  /** Grows when all are dropped: those in use then are not kept afterwards. */
  #era = 0;

  constructor(private readonly database: SqlDatabase) {}

  /** Run `job` on a connection; when `signal` is aborted that connection is given up. */
  async use<T>(
    signal: AbortSignal,
    job: (connection: SqlConnection) => Promise<T>,
  ): Promise<T> {
    const era = this.#era;
    const connection = this.#takeIdle() ?? await this.database.connect(signal);
    if (signal.aborted || era !== this.#era) {
      connection.close();
      signal.throwIfAborted();
    }
    this.#busy.add(connection);
    const abandon = () => connection.abandon();
    signal.addEventListener("abort", abandon, { once: true });
    try {
      return await job(connection);
    } finally {
      signal.removeEventListener("abort", abandon);
      this.#busy.delete(connection);
      if (era === this.#era && !signal.aborted && !connection.lost) {
        this.#idle.push(connection);
      } else connection.close();
    }
  }

  /** Those in use fail what they do. */
  drop(): void {
    this.#era++;
    for (const connection of this.#idle.splice(0)) connection.close();
    for (const connection of this.#busy) connection.abandon();
  }

  #takeIdle(): SqlConnection | undefined {
    this.#idle = this.#idle.filter(({ lost }) => !lost);
    // The one used last, so that the others may be closed by a server that wants idle ones gone.
    return this.#idle.pop();
  }
}
