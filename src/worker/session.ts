import type { Flow } from "../net/bridge.ts";
import type { Deadline } from "../net/deadlines.ts";
import type { EndReason, SessionStage } from "../port/messages.ts";
import type { ListenerSnapshot, SocketAddress } from "../port/snapshot.ts";
import type { Attempt } from "./attempt.ts";
import type { BackendLeg } from "../protocols/backend_leg.ts";
import type { ClientLeg } from "./client_leg.ts";

/** One client connection from accept to close: what is known of it, and the means to end it. */
export class Session {
  stage: SessionStage = "accept";
  /** Normalized identifier of the login under way or bridged; null before one. */
  account: string | null = null;
  destination: string | null = null;
  /** Accounts that the message under way is for, on a listener that routes by recipient. */
  readonly recipients = new Set<string>();
  /** The login under way, between its command and its verdict. */
  attempt: Attempt | null = null;
  /** The leg of the bridge. */
  backend: BackendLeg | null = null;
  /** Logins so far, the one under way included. */
  logins = 0;
  /** Logins answered with a temporary failure. */
  unavailable = 0;
  /** Failed logins, well-formed or not. */
  failures = 0;
  /** Runs while the client has to act: up to the login command. */
  preauth: Deadline | null = null;
  /** Says goodbye and closes; there while the client has to act. */
  part: ((reason: EndReason) => void) | null = null;
  /** Set once; the close record's reason. */
  ended: EndReason | null = null;
  detail: string | undefined;
  /** Nobody has been told of `account` and `destination` yet. */
  unreported = false;
  /** Somebody has been told of them, and has to hear when they no longer hold. */
  reported = false;
  reportedBytes = 0;
  reportedStage: SessionStage = "accept";
  /** The control plane counts the session, or its login, for `[limits]`. */
  counted = false;
  countedLogin = false;
  readonly flow: Flow = { forward: 0, backward: 0, active: false };

  /** Whom the session is for: the peer, until a trusted one names another. */
  client: SocketAddress;
  /** The peer is a proxy that named nobody (LOCAL, UNKNOWN); the backend is told so. */
  unnamed = false;
  /** What a trusted peer calls the session. */
  upstreamId: string | null = null;
  /** TTL received from a trusted peer, not yet decremented; null where the chain starts here. */
  ttl: number | null = null;

  constructor(
    readonly id: string,
    readonly listener: ListenerSnapshot,
    /** The other end of the connection. */
    readonly peer: SocketAddress,
    /** The address that the client connected to. */
    public local: SocketAddress,
    readonly leg: ClientLeg,
  ) {
    this.client = peer;
  }

  /** The first reason given is the one that counts. */
  mark(reason: EndReason, detail?: string): void {
    if (this.ended !== null) return;
    this.ended = reason;
    if (detail) this.detail = detail;
  }

  /** End the session now, whatever its stage. A login under way is answered with a temporary failure first. */
  end(reason: EndReason, detail?: string): void {
    this.mark(reason, detail);
    if (this.attempt) {
      this.attempt.cancel(reason);
      return;
    }
    if (this.part) return this.part(reason);
    this.leg.close();
    this.backend?.close();
  }
}

/** The sessions of a worker, by id and by account. */
export class SessionTable {
  readonly #sessions = new Map<string, Session>();
  readonly #byAccount = new Map<string, Set<Session>>();

  get size(): number {
    return this.#sessions.size;
  }

  all(): Iterable<Session> {
    return this.#sessions.values();
  }

  get(id: string): Session | undefined {
    return this.#sessions.get(id);
  }

  add(session: Session): void {
    this.#sessions.set(session.id, session);
  }

  remove(session: Session): void {
    this.identify(session, null);
    this.dropRecipients(session);
    this.#sessions.delete(session.id);
  }

  /** The session's login names this account; null when the login was refused and it is nobody's again. */
  identify(session: Session, account: string | null): void {
    if (session.account === account) return;
    if (session.account !== null) this.#unlink(session, session.account);
    session.account = account;
    if (account !== null) this.#link(session, account);
  }

  /** The message that the session carries is for this account too. */
  addRecipient(session: Session, account: string): void {
    session.recipients.add(account);
    this.#link(session, account);
  }

  /** The message is not for this account after all. */
  dropRecipient(session: Session, account: string): void {
    if (session.recipients.delete(account)) this.#unlink(session, account);
  }

  /** The session's message is over. */
  dropRecipients(session: Session): void {
    for (const account of session.recipients) this.#unlink(session, account);
    session.recipients.clear();
  }

  #link(session: Session, account: string): void {
    const set = this.#byAccount.get(account);
    if (set) set.add(session);
    else this.#byAccount.set(account, new Set([session]));
  }

  #unlink(session: Session, account: string): void {
    const set = this.#byAccount.get(account);
    set?.delete(session);
    if (set?.size === 0) this.#byAccount.delete(account);
  }

  /** Every session of the account past its login command. */
  ofAccount(account: string): Iterable<Session> {
    return this.#byAccount.get(account) ?? [];
  }
}
