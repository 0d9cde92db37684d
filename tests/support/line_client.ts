/** A scripted client of any protocol of lines: sends what it is told, byte for byte, and hands back what comes. */
import { within } from "./wait.ts";
import { Wire } from "./wire.ts";
import { connect, type Target, WireClient } from "./wire_client.ts";

export class LineClient extends WireClient {
  greeting = "";

  constructor(conn: Deno.Conn, private readonly ca = "") {
    super(conn);
  }

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
    const conn = await Deno.startTls(this.wire.conn as Deno.TcpConn, {
      hostname: "127.0.0.1",
      caCerts: [this.ca],
    });
    this.wire = new Wire(conn);
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
    return within("a line for the client", this.wire.readLine());
  }

  readBytes(count: number): Promise<Uint8Array | null> {
    return within("bytes for the client", this.wire.readBytes(count));
  }
}
