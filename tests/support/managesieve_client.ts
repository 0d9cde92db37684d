/** A scripted ManageSieve client: sends what it is told, byte for byte, and hands back what comes. */
import { plain, type Target } from "./imap_client.ts";
import { PASSWORD } from "./proxy_config.ts";
import { within } from "./wait.ts";
import { Wire } from "./wire.ts";

export interface Answer {
  /** OK, NO, BYE, or "" when the connection ended first. */
  readonly status: string;
  /** What follows the status in its line; a literal's announcement stays as it is. */
  readonly text: string;
  /** Everything before it, literals in place. */
  readonly data: readonly string[];
}

export class ManageSieveClient implements Disposable {
  #wire: Wire;
  /** The client's own port: what the proxy logs as the peer. */
  readonly localPort: number;
  greeting: Answer = { status: "", text: "", data: [] };

  private constructor(conn: Deno.Conn, private readonly ca: string) {
    this.#wire = new Wire(conn);
    this.localPort = (conn.localAddr as Deno.NetAddr).port;
  }

  /** Connect without TLS and read the greeting. */
  static async plain(target: Target, ca: string): Promise<ManageSieveClient> {
    const { port, hostname = "127.0.0.1" } = target;
    const conn = await Deno.connect({ hostname, port });
    conn.setNoDelay(true);
    const client = new ManageSieveClient(conn, ca);
    try {
      client.greeting = await client.answer();
    } catch (error) {
      client.close();
      throw error;
    }
    return client;
  }

  /** Connect and upgrade by the book. */
  static async tls(target: Target, ca: string): Promise<ManageSieveClient> {
    const client = await ManageSieveClient.plain(target, ca);
    try {
      await client.startTls();
      return client;
    } catch (error) {
      client.close();
      throw error;
    }
  }

  /** STARTTLS; the capabilities that come behind it are the greeting now. */
  async startTls(): Promise<void> {
    const { status, text } = await this.transact("STARTTLS");
    if (status !== "OK") throw new Error(`STARTTLS: ${text}`);
    const conn = await Deno.startTls(this.#wire.conn as Deno.TcpConn, {
      hostname: "127.0.0.1",
      caCerts: [this.ca],
    });
    this.#wire = new Wire(conn);
    this.greeting = await this.answer();
  }

  logIn(user: string, password = PASSWORD): Promise<Answer> {
    return this.transact(`AUTHENTICATE "PLAIN" "${plain(user, password)}"`);
  }

  async transact(command: string): Promise<Answer> {
    await this.send(`${command}\r\n`);
    return await this.answer();
  }

  send(data: string): Promise<void> {
    return this.#wire.send(data);
  }

  /** Everything up to the next OK, NO or BYE. */
  async answer(): Promise<Answer> {
    const data: string[] = [];
    for (;;) {
      const line = await this.line();
      if (line === null) return { status: "", text: "", data };
      const end = /^(OK|NO|BYE)(?: (.*))?$/.exec(line);
      if (end) return { status: end[1]!, text: end[2] ?? "", data };
      data.push(line);
      const literal = /\{(\d+)\}$/.exec(line);
      if (literal) {
        const bytes = await within(
          "a literal",
          this.#wire.readBytes(Number(literal[1])),
        );
        data.push(new TextDecoder().decode(bytes ?? new Uint8Array(0)));
        await this.line();
      }
    }
  }

  /** The next line, or null at the end of the connection. */
  line(): Promise<string | null> {
    return within("a line for the client", this.#wire.readLine());
  }

  close(): void {
    this.#wire.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
