import { within } from "./wait.ts";
import { Wire } from "./wire.ts";

/** A client that a test speaks through, byte for byte; what it waits for does not let a test hang. */
export abstract class WireClient implements Disposable {
  protected wire: Wire;
  /** The client's own port: what the proxy logs as the peer. */
  readonly localPort: number;

  constructor(conn: Deno.Conn) {
    this.wire = new Wire(conn);
    this.localPort = (conn.localAddr as Deno.NetAddr).port;
  }

  send(data: string | Uint8Array): Promise<void> {
    return this.wire.send(data);
  }

  /** One byte in each write. */
  async sendSlowly(text: string): Promise<void> {
    for (const byte of new TextEncoder().encode(text)) {
      await this.send(Uint8Array.of(byte));
    }
  }

  /** All that still comes, until the other side closes. */
  rest(): Promise<string> {
    return within("the end of the connection", this.wire.readAll());
  }

  /** Read and throw away until the other side closes; answers how many bytes there were. */
  drain(): Promise<number> {
    return within("the end of the connection", this.wire.drain());
  }

  closeWrite(): Promise<void> {
    return this.wire.conn.closeWrite();
  }

  close(): void {
    this.wire.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

export interface Target {
  readonly port: number;
  readonly hostname?: string;
}

/** A connection without TLS. */
export async function connect(
  { port, hostname = "127.0.0.1" }: Target,
): Promise<Deno.TcpConn> {
  const conn = await Deno.connect({ hostname, port });
  conn.setNoDelay(true);
  return conn;
}
