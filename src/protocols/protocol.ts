/**
 * What every mail protocol with a login gives to the session pipeline (worker/session.ts). A
 * protocol's folder holds its dialogue towards the client (`front.ts`), its dialogue towards the
 * backend (`back.ts`), its grammar (`wire.ts`) and its answers (`replies.ts`); everything that the
 * protocols share stays outside.
 */
import type { LineReader } from "../net/line_reader.ts";
import type {
  LegSnapshot,
  ListenerSnapshot,
  ProtocolName,
  SocketAddress,
  WorkerSnapshot,
} from "../port/snapshot.ts";
import type { Credentials } from "../sasl/credentials.ts";

/** What a trusted proxy in front says of the client; absent is what it does not say. */
export interface ClaimedClient {
  /** Literal address; what is none is passed over. */
  readonly address?: string;
  readonly port?: number;
  /** TTL as received, not yet decremented. */
  readonly ttl?: number;
  /** The other proxy's name for the session, logged beside ours. */
  readonly sessionId?: string;
}

/** The client's side of a session as a dialogue sees it. */
export interface ClientIo {
  /** The current reader; another one after startTls. */
  readonly reader: LineReader;
  /** Strings are sent as UTF-8. */
  write(data: string | Uint8Array): Promise<void>;
  /** True when the client's leg is encrypted at this moment. */
  readonly secure: boolean;
  /**
   * Upgrade after the protocol's go-ahead was written. Throws SessionEnd when clear text was
   * pipelined behind STARTTLS (CVE-2011-0411) or the handshake fails.
   */
  startTls(): Promise<void>;
  /**
   * A login that never reached a backend because it was malformed: it counts towards
   * max_auth_attempts. Throws SessionEnd("auth-attempts") when that was the last one.
   */
  countFailure(): void;
  /**
   * Take what the peer says of the client. Only there when the peer is in `proxy_trusted`: to nobody
   * else is XCLIENT offered, and nobody else's words count.
   */
  adopt?(claim: ClaimedClient): void;
}

export interface FrontendContext {
  readonly listener: ListenerSnapshot;
  readonly snapshot: WorkerSnapshot;
  /** Name of this host for greetings: `[server] hostname` or the connection's local address. */
  readonly hostname: string;
  readonly sessionId: string;
}

/** How an SMTP client introduced itself (RFC 5321 4.1.1.1). */
export interface SmtpHello {
  /** Null when it did not. */
  readonly name: string | null;
  /** By EHLO. */
  readonly extended: boolean;
}

/** A complete login as the client gave it. */
export interface Login {
  readonly credentials: Credentials;
  /** Mechanism or command as logged and counted: "PLAIN", "LOGIN", "OAUTHBEARER", "XOAUTH2", "USER". */
  readonly method: string;
  /** In submission only. */
  readonly hello?: SmtpHello;
  /** In POP3 only: the client has gone to UTF-8 mode (RFC 6856 2), where its backend has to be too. */
  readonly utf8?: boolean;
  /**
   * Relay a challenge that the backend sent instead of a verdict (an OAuth error, RFC 7628 3.2.3)
   * and give back the client's answer, both decoded; null when the client aborted with `*`.
   */
  challenge(data: Uint8Array): Promise<Uint8Array | null>;
}

/** Why a login that was complete is not let through. */
export type Refusal =
  /**
   * Backend down or unreachable, the store's answer unusable, an invalid identifier, a moved account;
   * with `limit` one of `[limits]`, for which the protocol may have a code of its own.
   */
  | { readonly kind: "unavailable"; readonly limit?: boolean }
  /** The backend said no; `lines` are its own words without line ends, in the protocol's form. */
  | {
    readonly kind: "refused";
    readonly lines: readonly string[];
    readonly hide: boolean;
  };

/**
 * A limit before login that ends the session (spec section 3, last row of the answers);
 * `connections` comes in place of the greeting.
 */
export type PreauthLimit =
  | "time"
  | "line"
  | "attempts"
  | "drain"
  | "connections";

/** The dialogue with one client up to and after its logins. */
export interface Frontend {
  greet(): Promise<void>;
  /**
   * Speak until a client's credentials are complete; null when it went away. Throws
   * SessionEnd("logout") once its goodbye is answered, and LineTooLong for an endless line; the
   * pipeline answers that with `farewell("line")`.
   */
  nextLogin(): Promise<Login | null>;
  /** The backend's acceptance as bytes for the client, sent together with what follows it. */
  success(login: Login, reply: AcceptedReply): Uint8Array;
  /** Answer a refused login; "close" where the protocol ends the connection with this answer. */
  refuse(login: Login, refusal: Refusal): Promise<"continue" | "close">;
  /** The parting words for a limit, "" where the protocol expects none. */
  farewell(limit: PreauthLimit): string;
}

/** The backend's side of a session as a dialogue sees it. */
export interface BackendIo {
  readonly reader: LineReader;
  /** Where somebody follows this login. */
  readonly witness?: Witness | undefined;
  write(data: string | Uint8Array): Promise<void>;
  /**
   * Write something secret. Throws BackendFailure when the leg is not encrypted at this moment and
   * the destination does not have allow_plaintext_auth.
   */
  writeSecret(data: string | Uint8Array): Promise<void>;
  readonly secure: boolean;
  /** Upgrade after the backend's go-ahead; throws BackendFailure on clear text behind it. */
  startTls(): Promise<void>;
}

/** Sees what is said on a leg before the bridge, without what may be a credential. */
export interface Witness {
  sent(text: string): void;
  received(text: string): void;
}

/** What a backend is told and asked with. Absent in a probe, which forwards nobody. */
export interface ForwardedClient {
  readonly sessionId: string;
  readonly client: SocketAddress;
  /** The address that the client connected to. */
  readonly local: SocketAddress;
  readonly secure: boolean;
  /** TTL to send: already decremented. */
  readonly ttl: number;
  /** In submission only. */
  readonly hello?: SmtpHello;
}

export interface BackendContext {
  readonly leg: LegSnapshot;
  readonly forwarded: ForwardedClient | null;
  /**
   * For the operator: the backend would not be told who the client is, in its words, and the session
   * goes on without. Absent in a probe.
   */
  readonly forwardingRefused?: (answer: string) => void;
}

/** What a backend said of itself once the leg is ready for a login. */
export interface BackendOffer {
  readonly greeting: string;
  /** Capability words, upper-case, as of the moment before the login. */
  readonly capabilities: ReadonlySet<string>;
}

/** The success line in parts that the frontend turns into its own (for IMAP: without the tag and OK). */
export interface AcceptedReply {
  readonly text: string;
  /** Untagged or intermediate lines that came before it and belong to the client, without line ends. */
  readonly before: readonly string[];
}

export type BackendVerdict =
  | { readonly kind: "accepted"; readonly reply: AcceptedReply }
  | {
    readonly kind: "refused";
    readonly lines: readonly string[];
    /** The backend said no to everybody or to this moment, not to the credentials. */
    readonly temporary?: boolean;
  };

/** The stage in which a leg failed; `connect` counts alone in the breaker, the others by client. */
export type FailureStage =
  | "resolve"
  | "connect"
  | "tls"
  | "greeting"
  | "starttls"
  | "forwarding"
  | "auth"
  | "response";

/** The backend, not the client, is at fault. The message is for the operator and never reaches a client. */
export class BackendFailure extends Error {
  override readonly name = "BackendFailure";
  constructor(readonly stage: FailureStage, message: string) {
    super(message);
  }
}

/** One protocol with a login. */
export interface LineProtocol {
  readonly name: ProtocolName;
  frontend(io: ClientIo, context: FrontendContext): Frontend;
  /** Greeting, STARTTLS where the leg says so, capabilities, forwarding. Throws BackendFailure. */
  openBackend(io: BackendIo, context: BackendContext): Promise<BackendOffer>;
  /** Replay the login. Throws BackendFailure when no verdict comes. */
  authenticate(
    io: BackendIo,
    context: BackendContext,
    offer: BackendOffer,
    login: Login,
  ): Promise<BackendVerdict>;
}
