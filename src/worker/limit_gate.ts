import { AddressRanges } from "../net/cidr.ts";
import type { LimitCause } from "../port/messages.ts";
import type { LimitsSnapshot } from "../port/snapshot.ts";
import type { Attempt } from "./attempt.ts";
import type { WorkerPort } from "./core.ts";
import type { Session } from "./session.ts";

/** A login that `[limits]` does not let through. */
export class OverLimit extends Error {
  override readonly name = "OverLimit";
  constructor(readonly limit: LimitCause) {
    super(LIMIT_WORDS[limit]);
  }
}

/** For the log; a client is never told which one it was. */
export const LIMIT_WORDS: Readonly<Record<LimitCause, string>> = {
  "address-connections": "too many connections of this address",
  "account-connections": "too many connections of this account",
  "address-failures": "too many failed logins from this address",
  "account-failures": "too many failed logins of this account",
};

/**
 * A worker's side of `[limits]`: asks the control plane, which counts over all workers, and only
 * where something is limited for this protocol and client.
 */
export class LimitGate {
  #limits: LimitsSnapshot | undefined;
  #trusted = new AddressRanges([]);

  constructor(private readonly port: WorkerPort) {}

  configure(limits: LimitsSnapshot | undefined): void {
    this.#limits = limits;
    this.#trusted = new AddressRanges(limits?.trustedNetworks ?? []);
  }

  /** Count a connection until `leave`, or say what stands against it. */
  async connection(session: Session): Promise<LimitCause | null> {
    if (!this.#counts("connections", session)) return null;
    session.counted = true;
    return await this.port.call("takeConnection", subject(session));
  }

  /** Count a login until `leaveLogin`. Throws OverLimit, or what cancelled the attempt. */
  async login(
    session: Session,
    attempt: Attempt,
    account: string,
  ): Promise<void> {
    if (!this.#counts("logins", session)) return;
    session.counted = session.countedLogin = true;
    const cause = await attempt.interruptible(
      this.port.call("takeLogin", { ...subject(session), account }),
    );
    if (cause !== null) throw new OverLimit(cause);
  }

  /** For how many ms the answer to a login that a backend refused waits. */
  async failed(session: Session, account: string): Promise<number> {
    if (!this.#limits?.failures || this.#isTrusted(session)) return 0;
    const client = session.client.hostname;
    return await this.port.call("loginFailed", { client, account });
  }

  /** The session's login came to nothing. */
  leaveLogin(session: Session): void {
    if (!session.countedLogin) return;
    session.countedLogin = false;
    this.port.notify("leaveLogin", { session: session.id });
  }

  /** The session is over. */
  leave(session: Session): void {
    if (!session.counted) return;
    session.counted = session.countedLogin = false;
    this.port.notify("leave", { session: session.id });
  }

  #counts(what: "connections" | "logins", session: Session): boolean {
    return this.#limits !== undefined &&
      this.#limits[what].includes(session.listener.protocol) &&
      !this.#isTrusted(session);
  }

  #isTrusted(session: Session): boolean {
    return this.#trusted.contains(session.client.hostname);
  }
}

function subject({ id, client, listener }: Session) {
  return {
    session: id,
    client: client.hostname,
    protocol: listener.protocol,
  };
}
