/**
 * TLS on the server's side of a connection that was plain before (STARTTLS, a PROXY header): the raw
 * connection is spliced over loopback into a TLS listener, because the runtime cannot upgrade it.
 */
import type { Wire } from "./wire.ts";

export class TlsEndpoint {
  readonly #listener: Deno.TlsListener;
  readonly #waiting = new Map<number, (conn: Deno.TlsConn) => void>();
  readonly #early = new Map<number, Deno.TlsConn>();
  readonly #accepting: Promise<void>;

  constructor(cert: string, key: string) {
    this.#listener = Deno.listenTls({
      hostname: "127.0.0.1",
      port: 0,
      cert,
      key,
    });
    this.#accepting = this.#accept();
  }

  /** The encrypted connection over `wire`, its handshake not yet done. `splice` ends with the session. */
  async upgrade(
    wire: Wire,
  ): Promise<{ conn: Deno.TlsConn; splice: Promise<void> }> {
    const { port } = this.#listener.addr;
    const outer = await Deno.connect({ hostname: "127.0.0.1", port });
    const local = (outer.localAddr as Deno.NetAddr).port;
    const leftover = wire.takeBuffered();
    const splice = Promise.all([
      pump(wire.conn, outer, leftover),
      pump(outer, wire.conn),
    ]).then(() => {
      close(outer);
      close(wire.conn);
    });
    const early = this.#early.get(local);
    this.#early.delete(local);
    const conn = early ?? await new Promise<Deno.TlsConn>((resolve) => {
      this.#waiting.set(local, resolve);
    });
    return { conn, splice };
  }

  async close(): Promise<void> {
    this.#listener.close();
    await this.#accepting;
  }

  async #accept(): Promise<void> {
    for await (const conn of this.#listener) {
      const port = (conn.remoteAddr as Deno.NetAddr).port;
      const waiter = this.#waiting.get(port);
      this.#waiting.delete(port);
      if (waiter) waiter(conn);
      else this.#early.set(port, conn);
    }
  }
}

function close(conn: Deno.Conn): void {
  try {
    conn.close();
  } catch {
    // The other direction was first.
  }
}

async function pump(
  from: Deno.Conn,
  to: Deno.Conn,
  first: Uint8Array = new Uint8Array(0),
): Promise<void> {
  const buffer = new Uint8Array(65536);
  const write = async (bytes: Uint8Array) => {
    for (let done = 0; done < bytes.length;) {
      done += await to.write(bytes.subarray(done));
    }
  };
  try {
    await write(first);
    for (;;) {
      const count = await from.read(buffer);
      if (count === null) break;
      await write(buffer.subarray(0, count));
    }
    await to.closeWrite();
  } catch {
    close(from);
    close(to);
  }
}
