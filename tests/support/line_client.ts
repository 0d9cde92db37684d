/** A scripted client of any protocol of lines: sends what it is told, byte for byte, and hands back what comes. */
import { within } from "./wait.ts";
import { Wire } from "./wire.ts";

export interface Target {
  readonly port: number;
  readonly hostname?: string;
}

export class LineClient implements Disposable {
  #wire: Wire;

  constructor(conn: Deno.Conn, private readonly ca = "") {
    this.#wire = new Wire(conn);
    this.localPort = (conn.localAddr as Deno.NetAddr).port;
  }

  /** The client's own port: what the proxy logs as the peer. */
  readonly localPort: number;
  greeting = "";

  /** Connect without TLS and read nothing yet. */
  static async raw<T extends LineClient>(
    this: new (conn: Deno.Conn, ca: string) => T,
    target: Target,
    ca = "",
  ): Promise<T> {
    return new this(await connect(target), ca);
  }

  /** Connect without TLS and read the greeting. */
  static async plain<T extends LineClient>(
    this: new (conn: Deno.Conn, ca: string) => T,
    target: Target,
    ca = "",
  ): Promise<T> {
    return await new this(await connect(target), ca).greeted();
  }

  /** Connect with TLS from the first byte and read the greeting. */
  static async tls<T extends LineClient>(
    this: new (conn: Deno.Conn, ca: string) => T,
    target: Target,
    ca: string,
  ): Promise<T> {
    const conn = await Deno.connectTls({
      hostname: target.hostname ?? "127.0.0.1",
      port: target.port,
      caCerts: [ca],
    });
    return await new this(conn, ca).greeted();
  }

  protected async greeted(): Promise<this> {
    try {
      this.greeting = await this.line();
    } catch (error) {
      this.close();
      throw error;
    }
    return this;
  }

  /** The handshake alone, after a dialogue of the test's own. */
  async handshake(): Promise<void> {
    const conn = await Deno.startTls(this.#wire.conn as Deno.TcpConn, {
      hostname: "127.0.0.1",
      caCerts: [this.ca],
    });
    this.#wire = new Wire(conn);
    await within("handshake", conn.handshake());
  }

  /** The next line; an error when the connection ended. */
  async line(): Promise<string> {
    const line = await this.lineOrEnd();
    if (line === null) throw new Error("the connection ended");
    return line;
  }

  /** The next line, or null at the end of the connection. */
  lineOrEnd(): Promise<string | null> {
    return within("a line for the client", this.#wire.readLine());
  }

  send(data: string | Uint8Array): Promise<void> {
    return this.#wire.send(data);
  }

  /** One byte in each write. */
  async sendSlowly(text: string): Promise<void> {
    for (const byte of new TextEncoder().encode(text)) {
      await this.send(Uint8Array.of(byte));
    }
  }

  readBytes(count: number): Promise<Uint8Array | null> {
    return within("bytes for the client", this.#wire.readBytes(count));
  }

  /** All that still comes, until the other side closes. */
  rest(): Promise<string> {
    return within("the end of the connection", this.#wire.readAll());
  }

  /** Read and throw away until the other side closes. */
  drain(): Promise<number> {
    return within("the end of the connection", this.#wire.drain());
  }

  closeWrite(): Promise<void> {
    return this.#wire.conn.closeWrite();
  }

  close(): void {
    this.#wire.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

async function connect(target: Target): Promise<Deno.Conn> {
  const conn = await Deno.connect({
    hostname: target.hostname ?? "127.0.0.1",
    port: target.port,
  });
  conn.setNoDelay(true);
  return conn;
}
