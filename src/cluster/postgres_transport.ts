import type { SqlServerAddress } from "../config/sql_url.ts";
import { type SqlConnection, SqlFault } from "../store/sql/connection.ts";
import { PostgresDatabase } from "../store/sql/postgres.ts";
import { sqlServer } from "../store/sql/server.ts";
import { StoreError } from "../store/store.ts";
import { Assembly, split } from "./parts.ts";
import {
  BusFault,
  type BusLine,
  type BusTransport,
  type LineEvents,
} from "./transport.ts";

/** In one statement: the notifications go out together, in their order. */
const NOTIFY =
  "SELECT pg_notify($1, part) FROM json_array_elements_text($2::text::json) WITH ORDINALITY AS parts (part, i) ORDER BY i";

/** LISTEN and NOTIFY of PostgreSQL, on one connection. */
export class PostgresTransport implements BusTransport {
  constructor(
    private readonly address: SqlServerAddress,
    private readonly trustRoots: () => readonly string[],
  ) {}

  async connect(
    channels: readonly string[],
    events: LineEvents,
    signal: AbortSignal,
  ): Promise<BusLine> {
    try {
      return await this.#connect(channels, events, signal);
    } catch (error) {
      if (error instanceof SqlFault || error instanceof StoreError) {
        throw new BusFault(error.message);
      }
      throw error;
    }
  }

  async #connect(
    channels: readonly string[],
    events: LineEvents,
    signal: AbortSignal,
  ): Promise<BusLine> {
    const server = await sqlServer(this.address, {
      poolSize: 1,
      timeout: () => 0,
      trustRoots: this.trustRoots,
    });
    const assembly = new Assembly();
    let isOpen = false;
    const connection = await new PostgresDatabase(server).connect(signal, {
      notified(_channel, payload) {
        const message = assembly.take(payload);
        if (message !== null) events.message(message);
      },
      closed() {
        if (!isOpen) return;
        isOpen = false;
        events.lost("the connection broke");
      },
    });
    const abort = () => connection.close();
    signal.addEventListener("abort", abort, { once: true });
    try {
      for (const channel of channels) {
        const name = `"${channel.replaceAll('"', '""')}"`;
        await connection.run({ sql: `LISTEN ${name}`, parameters: [] });
      }
      isOpen = true;
    } catch (error) {
      connection.close();
      signal.throwIfAborted();
      throw error;
    } finally {
      signal.removeEventListener("abort", abort);
    }
    return new PostgresLine(connection, () => isOpen = false);
  }
}

class PostgresLine implements BusLine {
  readonly #name = crypto.randomUUID().slice(0, 13);
  #next = 0;
  /** A connection does one thing at a time. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly connection: SqlConnection,
    private readonly closing: () => void,
  ) {}

  publish(channel: string, text: string): Promise<void> {
    const parts = JSON.stringify(split(`${this.#name}.${this.#next++}`, text));
    const done = this.#last.then(async () => {
      await this.connection.run({ sql: NOTIFY, parameters: [channel, parts] });
    });
    this.#last = done.catch(() => {});
    return done.catch((error: Error) => {
      throw new BusFault(error.message);
    });
  }

  close(): void {
    this.closing();
    this.connection.close();
  }
}
