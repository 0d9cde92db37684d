/** Which clients a listener takes: its `allow` and `deny`. */
import { isInAny } from "../net/cidr.ts";
import type { ListenerSnapshot } from "../port/snapshot.ts";
import { SessionEnd } from "../protocols/session_end.ts";
import type { WorkerCore } from "./core.ts";
import type { Session } from "./session.ts";

/** A client that is in both `allow` and `deny` is refused. */
export function isWelcome(
  { allow, deny }: ListenerSnapshot,
  address: string,
): boolean {
  if (deny && isInAny(deny, address)) return false;
  return allow === undefined || isInAny(allow, address);
}

/**
 * Whether a connection is closed as it comes. Whose address counts is not known yet where the peer may
 * send a PROXY header: `admit` judges when it is.
 */
export function isRefusedAtOnce(
  listener: ListenerSnapshot,
  peer: string,
): boolean {
  if (isWelcome(listener, peer)) return false;
  return listener.proxyProtocol === "off" ||
    !isInAny(listener.proxyTrusted, peer);
}

/** Judge whom a trusted peer has named. Throws SessionEnd("acl"). */
export function admit(core: WorkerCore, session: Session): void {
  if (isWelcome(session.listener, session.client.hostname)) return;
  core.reporter.count("connections_denied");
  throw new SessionEnd("acl");
}
