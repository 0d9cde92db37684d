/** A submission server in this process that answers as it is told, and remembers what it was told. */
import type { Certificate } from "./certs.ts";
import { saslCredentials, type SeenCredentials } from "./seen_credentials.ts";
import { FakeServer } from "./fake_server.ts";
import type { TlsEndpoint } from "./tls_endpoint.ts";
import { Wire } from "./wire.ts";

/** One connection as the backend saw it. */
export interface SeenSmtp {
  /** Command lines as they came. */
  readonly commands: string[];
  readonly credentials: SeenCredentials[];
  /** Messages, dots and line ends as they came. */
  readonly messages: string[];
  closed: boolean;
}

export interface SmtpBackendOptions {
  readonly name: string;
  readonly tls?: "starttls" | "plain";
  readonly certificate?: Certificate;
  /** EHLO keywords besides STARTTLS. */
  readonly keywords?: readonly string[];
}

/**
 * What to answer in place of the proper reply to a command ("" for the greeting): text without the
 * last line end, null to close; undefined leaves it as it is. "" says nothing.
 */
export type Answer = (command: string) => string | null | undefined;

const DEFAULT_KEYWORDS = ["PIPELINING", "AUTH PLAIN OAUTHBEARER"];

export class FakeSmtpBackend extends FakeServer {
  readonly connections: SeenSmtp[] = [];
  /** May be changed while running. */
  answer: Answer = () => undefined;

  constructor(readonly options: SmtpBackendOptions) {
    super(options);
  }

  get last(): SeenSmtp {
    const seen = this.connections.at(-1);
    if (!seen) throw new Error(`nobody connected to ${this.options.name}`);
    return seen;
  }

  protected serve(conn: Deno.Conn): Promise<void> {
    const seen: SeenSmtp = {
      commands: [],
      credentials: [],
      messages: [],
      closed: false,
    };
    this.connections.push(seen);
    return new Session(this, this.endpoint, seen, conn).run();
  }
}

class Session {
  #wire: Wire;
  #splice: Promise<void> = Promise.resolve();

  constructor(
    private readonly backend: FakeSmtpBackend,
    private readonly endpoint: TlsEndpoint | null,
    private readonly seen: SeenSmtp,
    private readonly raw: Deno.Conn,
  ) {
    this.#wire = new Wire(raw);
  }

  async run(): Promise<void> {
    try {
      let going = await this.#serve("");
      while (going) {
        const line = await this.#wire.readLine();
        if (line === null) break;
        this.seen.commands.push(line);
        going = await this.#serve(line);
      }
    } catch {
      // The other side left: what happened is in `seen`.
    } finally {
      this.seen.closed = true;
      this.#wire.close();
      new Wire(this.raw).close();
      await this.#splice;
    }
  }

  /** Answer one command; false when the session is over. */
  async #serve(command: string): Promise<boolean> {
    const given = this.backend.answer(command);
    if (given === null) return false;
    if (given !== undefined) {
      if (given !== "") await this.#say(given);
      return true;
    }
    const [verb = "", argument = "", initial] = command.split(" ");
    switch (verb.toUpperCase()) {
      case "":
      case "XCLIENT":
        await this.#say(`220 ${this.#name} ESMTP`);
        return true;
      case "EHLO":
        await this.#say(this.#ehlo());
        return true;
      case "STARTTLS":
        await this.#say("220 2.0.0 go ahead");
        await this.#upgrade();
        return true;
      case "AUTH":
        return await this.#logIn(argument, initial);
      case "MAIL":
      case "RCPT":
        await this.#say("250 2.1.0 ok");
        return true;
      case "DATA":
        return await this.#message();
      case "NOOP":
        await this.#say(`250 2.0.0 ${this.#name}`);
        return true;
      case "QUIT":
        await this.#say("221 2.0.0 bye");
        return false;
      default:
        await this.#say("500 5.5.2 unknown");
        return true;
    }
  }

  async #logIn(mechanism: string, initial?: string): Promise<boolean> {
    let response: string | null | undefined = initial;
    if (response === undefined) {
      await this.#say("334 ");
      response = await this.#wire.readLine();
    }
    if (response === null) return false;
    this.seen.credentials.push(saslCredentials(mechanism, response));
    await this.#say(`235 2.7.0 logged in to ${this.#name}`);
    return true;
  }

  async #message(): Promise<boolean> {
    await this.#say("354 go on");
    let message = "";
    for (;;) {
      const line = await this.#wire.readLine();
      if (line === null) return false;
      if (line === ".") break;
      message += `${line}\r\n`;
    }
    this.seen.messages.push(message);
    await this.#say(`250 2.0.0 queued at ${this.#name}`);
    return true;
  }

  #ehlo(): string {
    const { keywords = DEFAULT_KEYWORDS, tls } = this.backend.options;
    const encrypted = this.#wire.conn !== this.raw;
    const lines = [
      this.#name,
      ...tls === "starttls" && !encrypted ? ["STARTTLS"] : [],
      ...keywords,
    ];
    return lines.map((line, index) =>
      `250${index < lines.length - 1 ? "-" : " "}${line}`
    ).join("\r\n");
  }

  async #upgrade(): Promise<void> {
    if (!this.endpoint) throw new Error("a TLS backend needs a certificate");
    const { conn, splice } = await this.endpoint.upgrade(this.#wire);
    this.#splice = splice;
    this.#wire = new Wire(conn);
    await conn.handshake();
  }

  #say(text: string): Promise<void> {
    return this.#wire.send(`${text}\r\n`);
  }

  get #name(): string {
    return this.backend.options.name;
  }
}
