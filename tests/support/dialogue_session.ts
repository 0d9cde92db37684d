/** A session around one protocol's dialogues that needs no worker, route or certificate. */
import { capabilitiesOf } from "./capabilities.ts";
import { closeQuietly } from "./wire.ts";
import { type ByteStream, writeAll } from "../../src/net/byte_stream.ts";
import { LineReader, LineTooLong } from "../../src/net/line_reader.ts";
import type {
  LegSnapshot,
  ListenerSnapshot,
  Mechanism,
  ProtocolName,
  WorkerSnapshot,
} from "../../src/port/snapshot.ts";
import {
  type BackendContext,
  BackendFailure,
  type BackendIo,
  type ClaimedClient,
  type ForwardedClient,
  type Frontend,
  type LineProtocol,
  type Login,
  type PreauthLimit,
} from "../../src/protocols/protocol.ts";
import { SessionEnd } from "../../src/protocols/session_end.ts";

/** The session's story without routes, TLS and time limits: just what a dialogue meets of it. */
export class DialogueSession {
  #failures = 0;

  constructor(
    private readonly protocol: LineProtocol,
    private readonly settings: ReadonlyMap<string, string>,
    private readonly conn: Deno.TcpConn,
    private readonly events: Queue<string>,
    private readonly dial: () => Promise<Deno.TcpConn>,
  ) {}

  async run(): Promise<void> {
    const listener = listenerFrom(this.settings, this.protocol.name);
    const leg = new DialogueLeg(
      this.conn,
      listener.tls === "implicit",
      true,
      new SessionEnd("cleartext-after-starttls"),
    );
    const io = Object.assign(leg, {
      countFailure: () => this.#countFailure(listener),
      ...(this.settings.get("trusted") === "true"
        ? { adopt: (claim: ClaimedClient) => this.#adopt(claim) }
        : {}),
    });
    const frontend = this.protocol.frontend(io, {
      listener,
      snapshot: snapshotFrom(this.settings),
      hostname: "proxy.example.com",
      sessionId: "s1",
    });
    try {
      await frontend.greet();
      for (;;) {
        const login = await frontend.nextLogin();
        if (login === null) return;
        if (await this.#attempt(io, frontend, login, listener)) return;
      }
    } catch (error) {
      await this.#part(io, frontend, error);
    } finally {
      closeQuietly(this.conn);
    }
  }

  async #attempt(
    io: DialogueLeg,
    frontend: Frontend,
    login: Login,
    listener: ListenerSnapshot,
  ): Promise<boolean> {
    if (this.settings.get("backend") === "down") {
      return await frontend.refuse(login, { kind: "unavailable" }) === "close";
    }
    const leg = legFrom(this.settings, this.protocol.name);
    const conn = await this.dial();
    try {
      const backend = new DialogueLeg(
        conn,
        leg.tls === "implicit",
        leg.allowPlaintextAuth,
        new BackendFailure("starttls", "clear text behind STARTTLS"),
      );
      const context: BackendContext = {
        leg,
        forwarded: login.hello
          ? { ...FORWARDED, hello: login.hello }
          : FORWARDED,
        forwardingRefused: () => this.events.put("forwarding-refused"),
      };
      const offer = await this.protocol.openBackend(backend, context);
      const verdict = await this.protocol.authenticate(
        backend,
        context,
        offer,
        login,
      );
      if (verdict.kind === "accepted") {
        await io.write(frontend.success(login, verdict.reply));
        await Promise.all([copy(io, backend), copy(backend, io)]);
        return true;
      }
      const { lines } = verdict;
      const next = await frontend.refuse(login, {
        kind: "refused",
        lines,
        hide: leg.hideAuthErrors,
      });
      this.#countFailure(listener);
      return next === "close";
    } catch (error) {
      if (!(error instanceof BackendFailure)) throw error;
      this.events.put(`backend-failure ${error.stage}`);
      return await frontend.refuse(login, { kind: "unavailable" }) === "close";
    } finally {
      closeQuietly(conn);
    }
  }

  #adopt({ address, port, ttl, sessionId }: ClaimedClient): void {
    this.events.put(`adopt ${address} ${port} ${ttl} ${sessionId}`);
  }

  #countFailure(listener: ListenerSnapshot): void {
    this.events.put("failure");
    if (++this.#failures >= listener.maxAuthAttempts) {
      throw new SessionEnd("auth-attempts");
    }
  }

  async #part(
    io: DialogueLeg,
    frontend: Frontend,
    error: unknown,
  ): Promise<void> {
    let limit: PreauthLimit | null = null;
    if (error instanceof LineTooLong) {
      this.events.put("end preauth-limit");
      limit = "line";
    } else if (error instanceof SessionEnd) {
      this.events.put(`end ${error.reason}`);
      if (error.reason === "auth-attempts") limit = "attempts";
    } else {
      this.events.put(`bug ${error}`);
    }
    if (limit !== null) {
      await io.write(frontend.farewell(limit)).catch(() => {});
    }
  }
}

/** Either leg. TLS is a flag here: what matters is which reader is used and what was left in it. */
export class DialogueLeg implements BackendIo {
  reader: LineReader;

  constructor(
    readonly stream: ByteStream,
    public secure: boolean,
    private readonly clearSecrets: boolean,
    /** What clear text behind the go-ahead ends in. */
    private readonly leftovers: Error,
  ) {
    this.reader = new LineReader(stream);
  }

  write(data: string | Uint8Array): Promise<void> {
    return writeAll(
      this.stream,
      typeof data === "string" ? new TextEncoder().encode(data) : data,
    );
  }

  writeSecret(data: string | Uint8Array): Promise<void> {
    if (!this.secure && !this.clearSecrets) {
      throw new BackendFailure("auth", "the leg is not encrypted");
    }
    return this.write(data);
  }

  startTls(): Promise<void> {
    if (this.reader.buffered > 0) throw this.leftovers;
    this.reader = new LineReader(this.stream);
    this.secure = true;
    return Promise.resolve();
  }
}

export const FORWARDED: ForwardedClient = {
  sessionId: "s1",
  client: { hostname: "203.0.113.7", port: 40000 },
  local: { hostname: "198.51.100.1", port: 993 },
  secure: true,
  ttl: 6,
};

export function listenerFrom(
  settings: ReadonlyMap<string, string>,
  protocol: ProtocolName,
): ListenerSnapshot {
  return {
    name: "test",
    protocol,
    bind: [],
    tls:
      (settings.get("listener.tls") ?? "implicit") as ListenerSnapshot["tls"],
    proxyProtocol: "off",
    proxyTrusted: [],
    maxConnections: 1,
    preauthTimeout: 1000,
    maxAuthAttempts: Number(settings.get("max-attempts") ?? 3),
  };
}

export function legFrom(
  settings: ReadonlyMap<string, string>,
  protocol: ProtocolName,
): LegSnapshot {
  return {
    destination: "test",
    protocol,
    host: "127.0.0.1",
    port: 0,
    tls: (settings.get("leg.tls") ?? "plain") as LegSnapshot["tls"],
    trust: { kind: "none", serverName: "" },
    forwarding:
      (settings.get("leg.forwarding") ?? "none") as LegSnapshot["forwarding"],
    sourceIps: [],
    hideAuthErrors: settings.get("leg.hide") === "true",
    allowPlaintextAuth: settings.get("leg.clear") !== "false",
  };
}

export function snapshotFrom(
  settings: ReadonlyMap<string, string>,
): WorkerSnapshot {
  const words = (key: string, otherwise: string) =>
    (settings.get(key) ?? otherwise).split(" ");
  const login = {
    sasl: words("sasl", "PLAIN LOGIN OAUTHBEARER XOAUTH2") as Mechanism[],
    allowPlainAuthWithoutTls: settings.get("clear-auth") === "true",
  };
  const advertise = words("advertise", "IMAP4rev1 SASL-IR LITERAL+ ID");
  return {
    generation: 1,
    hostname: undefined,
    listeners: [],
    destinations: {},
    defaultDestination: "test",
    smtpPassthrough: null,
    normalize: "none",
    masterUserSeparators: ["%"],
    jwtUsernameClaim: "email",
    capabilities: capabilitiesOf(login, advertise),
    certificates: [],
    minTlsVersion: "1.2",
    bridgeIdle: 1000,
    backendTimeout: 1000,
    connectRetries: 0,
    trustRoots: [],
    proxyTtl: 7,
  };
}

/** Values that one side puts and the other waits for. */
export class Queue<T> {
  readonly #values: T[] = [];
  #wake: (() => void) | null = null;

  put(value: T): void {
    this.#values.push(value);
    this.#wake?.();
  }

  async next(): Promise<T> {
    while (this.#values.length === 0) {
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    return this.#values.shift()!;
  }

  left(): readonly T[] {
    return this.#values;
  }
}

async function copy(from: DialogueLeg, to: DialogueLeg): Promise<void> {
  try {
    await writeAll(to.stream, from.reader.handOver().buffered);
    const into = new Uint8Array(4096);
    for (let count; (count = await from.stream.read(into)) !== null;) {
      await writeAll(to.stream, into.subarray(0, count));
    }
    await to.stream.closeWrite();
  } catch {
    // The other direction or the transcript closed a side.
    from.stream.close();
  }
}
