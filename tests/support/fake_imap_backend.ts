/**
 * An IMAP server in this process that misbehaves on demand, stage by stage, and remembers what it was
 * told: addresses of a PROXY header, fields of ID, credentials, commands.
 */
import type { KeyPair } from "./certs.ts";
import {
  loginCredentials,
  saslCredentials,
  type SeenCredentials,
} from "./seen_credentials.ts";
import { readProxyHeader, type SeenProxyHeader } from "./proxy_header.ts";
import { FakeServer } from "./fake_server.ts";
import type { TlsEndpoint } from "./tls_endpoint.ts";
import { type Gate, pause } from "./wait.ts";
import { closeQuietly, Wire } from "./wire.ts";

/** Where a fault can strike, in the order of a session. `bridge` is right after the login. */
export type BackendStage =
  | "accept"
  | "tls"
  | "greeting"
  | "capability"
  | "starttls"
  | "id"
  | "auth"
  | "bridge";

export type Fault =
  /** Say nothing more; keep the connection until the other side closes it. */
  | { readonly kind: "hang" }
  | { readonly kind: "close" }
  /** Send this instead of the proper answer, then go on as told. */
  | {
    readonly kind: "send";
    readonly data: string | Uint8Array;
    readonly then: "hang" | "close" | "continue";
  }
  /** Send the pattern without end until the other side closes. */
  | { readonly kind: "flood"; readonly line: string }
  | { readonly kind: "delay"; readonly ms: number }
  /** Go on when the test opens the gate. */
  | { readonly kind: "gate"; readonly gate: Gate };

/** One connection as the backend saw it. */
export interface SeenConnection {
  readonly peer: string;
  proxy?: SeenProxyHeader;
  /** Fields of every ID command, names lower-cased. */
  readonly id: Map<string, string>;
  readonly credentials: SeenCredentials[];
  /** Command lines without tags; credentials and literals as they came. */
  readonly commands: string[];
  /** Whether the login came over TLS. */
  secure: boolean;
  /** The accepted account, "" before. */
  account: string;
  closed: boolean;
}

export interface BackendOptions {
  readonly name: string;
  readonly tls?: "implicit" | "starttls" | "plain";
  readonly certificate?: KeyPair;
  /** Expect a PROXY v2 header on every connection. */
  readonly proxy?: boolean;
  /** Pre-login words; AUTH= and STARTTLS are part of it where wanted. */
  readonly capability?: readonly string[];
  readonly greeting?: string;
  readonly capabilityInGreeting?: boolean;
  /** Lines of a refusal without tag, the last one beginning with NO or BAD; nothing: accepted. */
  readonly refuse?: (given: SeenCredentials) => readonly string[] | undefined;
  /** Untagged lines before the OK of a login. */
  readonly beforeOk?: readonly string[];
  /** Bytes sent in the same write behind the OK of a login. */
  readonly behindOk?: string;
  /** Text after `OK `; by default the capability code and the name of the server. */
  readonly okText?: string;
  /** Listen here, to come back on a known port. */
  readonly port?: number;
}

export type Faults = Partial<
  Record<BackendStage, Fault | (() => Fault | undefined)>
>;

const DEFAULT_CAPABILITY = [
  "IMAP4rev1",
  "SASL-IR",
  "LITERAL+",
  "ID",
  "AUTH=PLAIN",
  "AUTH=OAUTHBEARER",
  "AUTH=XOAUTH2",
];

/** Thrown inside a session to end it quietly. */
class Over extends Error {}

export class FakeImapBackend extends FakeServer {
  readonly connections: SeenConnection[] = [];
  /** May be changed while running; each stage of each connection looks here anew. */
  faults: Faults = {};

  constructor(readonly options: BackendOptions) {
    super(options);
  }

  /** Connections of an account whose login was accepted and that are still open. */
  openSessions(account?: string): SeenConnection[] {
    return this.connections.filter((seen) =>
      !seen.closed &&
      (account === undefined ? true : seen.account === account)
    );
  }

  get last(): SeenConnection {
    const seen = this.connections.at(-1);
    if (!seen) throw new Error(`nobody connected to ${this.options.name}`);
    return seen;
  }

  protected serve(conn: Deno.TcpConn): Promise<void> {
    const { hostname, port } = conn.remoteAddr;
    const seen: SeenConnection = {
      peer: `${hostname}:${port}`,
      id: new Map(),
      credentials: [],
      commands: [],
      secure: false,
      account: "",
      closed: false,
    };
    this.connections.push(seen);
    return new Session(this, this.endpoint, seen, conn).run();
  }
}

class Session {
  #wire: Wire;
  #splice: Promise<void> = Promise.resolve();
  readonly #options: BackendOptions;

  constructor(
    private readonly backend: FakeImapBackend,
    private readonly endpoint: TlsEndpoint | null,
    private readonly seen: SeenConnection,
    private readonly raw: Deno.Conn,
  ) {
    this.#wire = new Wire(raw);
    this.#options = backend.options;
  }

  async run(): Promise<void> {
    try {
      await this.#dialogue();
    } catch {
      // The other side left, or a fault ended the session: what happened is in `seen`.
    } finally {
      this.seen.closed = true;
      this.#wire.close();
      closeQuietly(this.raw);
      await this.#splice;
    }
  }

  async #dialogue(): Promise<void> {
    const { tls = "plain", proxy, greeting } = this.#options;
    await this.#fault("accept");
    if (proxy) this.seen.proxy = await readProxyHeader(this.#wire);
    if (tls === "implicit") {
      await this.#fault("tls");
      await this.#upgrade();
    }
    await this.#fault("greeting");
    const code = this.#options.capabilityInGreeting === false
      ? ""
      : `[CAPABILITY ${this.#capability()}] `;
    await this.#wire.send(
      (greeting ?? `* OK ${code}${this.#options.name} ready`) + "\r\n",
    );
    for (;;) {
      const line = await this.#readCommand();
      const space = line.indexOf(" ");
      const tag = space < 0 ? line : line.slice(0, space);
      const command = space < 0 ? "" : line.slice(space + 1);
      this.seen.commands.push(command);
      await this.#answer(tag, command);
    }
  }

  async #answer(tag: string, command: string): Promise<void> {
    const verb = command.split(" ")[0]!.toUpperCase();
    const send = (text: string) => this.#wire.send(text);
    switch (verb) {
      case "CAPABILITY":
        await this.#fault("capability");
        return await send(
          `* CAPABILITY ${this.#capability()}\r\n${tag} OK done\r\n`,
        );
      case "NOOP":
        return await send(`${tag} OK NOOP ${this.#options.name}\r\n`);
      case "ID":
        await this.#fault("id");
        this.#rememberId(command);
        return await send(`* ID ("name" "fake")\r\n${tag} OK ID done\r\n`);
      case "STARTTLS":
        await this.#fault("starttls", tag);
        await send(`${tag} OK begin TLS\r\n`);
        await this.#fault("tls");
        return await this.#upgrade();
      case "LOGIN":
      case "AUTHENTICATE":
        await this.#fault("auth", tag);
        return await this.#login(tag, command);
      case "LOGOUT":
        await send(`* BYE see you\r\n${tag} OK bye\r\n`);
        throw new Over();
      case "SELECT":
        return await send(
          `* 1 EXISTS\r\n${tag} OK [READ-WRITE] ${this.#options.name}\r\n`,
        );
      case "IDLE":
        await send("+ idling\r\n");
        if (await this.#wire.readLine() === null) throw new Over();
        return await send(`${tag} OK IDLE ${this.#options.name}\r\n`);
      case "XBLAST":
        return await this.#blast(tag, Number(command.split(" ")[1]));
      case "XHALF":
        // Half-close: what the client still sends is taken and counted.
        await this.#wire.conn.closeWrite();
        this.seen.commands.push(`drained ${await this.#wire.drain()}`);
        throw new Over();
      case "XCLOSE":
        throw new Over();
      default:
        return await send(`${tag} BAD unknown\r\n`);
    }
  }

  /** `count` bytes of one letter, then the tagged OK on a line of its own. */
  async #blast(tag: string, count: number): Promise<void> {
    const chunk = new Uint8Array(65536).fill(120);
    for (let left = count; left > 0; left -= chunk.length) {
      await this.#wire.send(chunk.subarray(0, Math.min(left, chunk.length)));
    }
    await this.#wire.send(`\r\n${tag} OK XBLAST\r\n`);
  }

  async #login(tag: string, command: string): Promise<void> {
    const given = command.toUpperCase().startsWith("LOGIN ")
      ? loginCredentials(command)
      : await this.#saslCredentials(command);
    this.seen.credentials.push(given);
    this.seen.secure = this.#wire.conn !== this.raw;
    const refusal = this.#options.refuse?.(given);
    if (refusal) {
      const lines = [...refusal.slice(0, -1), `${tag} ${refusal.at(-1)}`];
      return await this.#wire.send(lines.join("\r\n") + "\r\n");
    }
    const before = (this.#options.beforeOk ?? []).map((l) => `${l}\r\n`);
    const text = this.#options.okText ??
      `[CAPABILITY IMAP4rev1 IDLE X-${this.#options.name.toUpperCase()}] ` +
        `logged in to ${this.#options.name}`;
    await this.#wire.send(
      `${before.join("")}${tag} OK ${text}\r\n${this.#options.behindOk ?? ""}`,
    );
    this.seen.account = given.authcid;
    await this.#fault("bridge");
  }

  async #saslCredentials(command: string): Promise<SeenCredentials> {
    const [, mechanism = "", initial] = command.split(" ");
    let response = initial;
    if (response === undefined) {
      await this.#wire.send("+ \r\n");
      const line = await this.#wire.readLine();
      if (line === null) throw new Over();
      response = line;
    }
    return saslCredentials(mechanism, response);
  }

  /** One command with its literals joined in place. */
  async #readCommand(): Promise<string> {
    let whole = "";
    for (;;) {
      const line = await this.#wire.readLine();
      if (line === null) throw new Over();
      const literal = /\{(\d+)(\+?)\}$/.exec(line);
      if (!literal) return whole + line;
      if (!literal[2]) await this.#wire.send("+ go on\r\n");
      const bytes = await this.#wire.readBytes(Number(literal[1]));
      if (!bytes) throw new Over();
      whole += line.slice(0, literal.index) +
        JSON.stringify(new TextDecoder().decode(bytes));
    }
  }

  #rememberId(command: string): void {
    for (const field of command.matchAll(/"([^"]*)" (?:"([^"]*)"|NIL)/g)) {
      this.seen.id.set(field[1]!.toLowerCase(), field[2] ?? "");
    }
  }

  #capability(): string {
    const words = [...(this.#options.capability ?? DEFAULT_CAPABILITY)];
    const encrypted = this.#wire.conn !== this.raw;
    if (this.#options.tls === "starttls" && !encrypted) words.push("STARTTLS");
    return words.join(" ");
  }

  async #upgrade(): Promise<void> {
    if (!this.endpoint) throw new Error("a TLS backend needs a certificate");
    const { conn, splice } = await this.endpoint.upgrade(this.#wire);
    this.#splice = splice;
    this.#wire = new Wire(conn);
    await conn.handshake();
  }

  /** What the fault of this stage does. `%t` in its data stands for the tag. */
  async #fault(stage: BackendStage, tag = "*"): Promise<void> {
    const configured = this.backend.faults[stage];
    const fault = typeof configured === "function" ? configured() : configured;
    if (!fault) return;
    switch (fault.kind) {
      case "delay":
        return await pause(fault.ms);
      case "gate":
        return await fault.gate.pass();
      case "hang":
        await this.#wire.drain();
        throw new Over();
      case "close":
        throw new Over();
      case "flood":
        for (;;) await this.#wire.send(fault.line);
      case "send": {
        const { data } = fault;
        await this.#wire.send(
          typeof data === "string" ? data.replaceAll("%t", tag) : data,
        );
        if (fault.then === "continue") return;
        if (fault.then === "hang") await this.#wire.drain();
        throw new Over();
      }
    }
  }
}
