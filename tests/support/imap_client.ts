/** A scripted IMAP client: sends what it is told, byte for byte, and hands back what comes. */
import { within } from "./wait.ts";
import { Wire } from "./wire.ts";

export interface Target {
  readonly port: number;
  readonly hostname?: string;
}

export interface Reply {
  /** OK, NO, BAD, BYE, or "" when the connection ended first. */
  readonly status: string;
  /** The tagged line after the status. */
  readonly text: string;
  readonly untagged: readonly string[];
}

export class ImapClient implements Disposable {
  #wire: Wire;
  #tag = 0;

  private constructor(conn: Deno.Conn, private readonly ca: string) {
    this.#wire = new Wire(conn);
    this.localPort = (conn.localAddr as Deno.NetAddr).port;
  }

  /** The client's own port: what the proxy logs as the peer. */
  readonly localPort: number;
  greeting = "";

  /** Connect without TLS and read nothing yet. */
  static async raw(target: Target, ca = ""): Promise<ImapClient> {
    const conn = await Deno.connect({
      hostname: target.hostname ?? "127.0.0.1",
      port: target.port,
    });
    conn.setNoDelay(true);
    return new ImapClient(conn, ca);
  }

  /** Connect without TLS and read the greeting. */
  static async plain(target: Target, ca = ""): Promise<ImapClient> {
    const client = await ImapClient.raw(target, ca);
    return await client.#greeted();
  }

  /** Connect with TLS from the first byte and read the greeting. */
  static async tls(target: Target, ca: string): Promise<ImapClient> {
    const conn = await Deno.connectTls({
      hostname: target.hostname ?? "127.0.0.1",
      port: target.port,
      caCerts: [ca],
    });
    return await new ImapClient(conn, ca).#greeted();
  }

  async #greeted(): Promise<this> {
    try {
      this.greeting = await this.line();
    } catch (error) {
      this.close();
      throw error;
    }
    return this;
  }

  /** STARTTLS by the book: command, OK, handshake. */
  async startTls(): Promise<void> {
    const reply = await this.transact("STARTTLS");
    if (reply.status !== "OK") throw new Error(`STARTTLS: ${reply.text}`);
    await this.handshake();
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

  /** Send one command under a tag of its own and collect the answer. */
  async transact(command: string): Promise<Reply> {
    const tag = this.nextTag();
    await this.send(`${tag} ${command}\r\n`);
    return await this.reply(tag);
  }

  nextTag(): string {
    return `a${++this.#tag}`;
  }

  /** Everything up to the tagged line of `tag`, or the end. */
  async reply(tag: string): Promise<Reply> {
    const untagged: string[] = [];
    for (;;) {
      const line = await this.lineOrEnd();
      if (line === null) return { status: "", text: "", untagged };
      if (line.startsWith(`${tag} `)) {
        const [, status = "", text = ""] = /^\S+ (\S+) ?(.*)$/.exec(line) ?? [];
        return { status, text, untagged };
      }
      untagged.push(line);
    }
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

/** The initial response of AUTHENTICATE PLAIN. */
export function plain(
  authcid: string,
  password: string,
  authzid = "",
): string {
  return new TextEncoder().encode(`${authzid}\0${authcid}\0${password}`)
    .toBase64();
}
