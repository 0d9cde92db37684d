/** Who a session is for, where a trusted proxy in front knows better than the connection (spec section 8). */
import { formatAddress, formatEndpoint, parseAddress } from "../net/address.ts";
import { isInAny } from "../net/cidr.ts";
import {
  type ProxyHeader,
  ProxyHeaderInvalid,
  readProxyHeader,
} from "../net/proxy_inbound.ts";
import type { ListenerSnapshot } from "../port/snapshot.ts";
import type { ClaimedClient } from "../protocols/protocol.ts";
import { SessionEnd } from "../protocols/session_end.ts";
import { admit } from "./access.ts";
import type { WorkerCore } from "./core.ts";
import type { Session } from "./session.ts";

/**
 * A proxy sends its header at once; a client that has none may be waiting for the greeting. So where
 * the header is optional and the server speaks first, silence for so long means that there is none.
 */
const SILENCE_MS = 1000;
/** As much of another proxy's name for a session is kept. */
const UPSTREAM_ID_MAX = 128;

/**
 * Take the PROXY header as the listener says; the session's addresses are the header's then. Throws
 * SessionEnd("proxy-header") for a connection that is not to be served, SessionEnd("acl") for a client
 * that is not.
 */
export async function takeProxyHeader(
  core: WorkerCore,
  session: Session,
): Promise<void> {
  const { listener, peer, leg } = session;
  if (listener.proxyProtocol === "off") return;
  const required = listener.proxyProtocol === "required";
  if (!isInAny(listener.proxyTrusted, peer.hostname)) {
    if (required) {
      throw new SessionEnd("proxy-header", "the peer is not in proxy_trusted");
    }
    return;
  }
  if (!required && isSilenceUsual(listener) && await isSilent(core, session)) {
    return admit(core, session);
  }
  const header = await readHeader(session);
  if (header !== null) {
    apply(core, session, header);
    return admit(core, session);
  }
  // A health check that connects and leaves is nobody's fault.
  if (leg.reader.buffered === 0) throw new SessionEnd("client-closed");
  if (required) throw new SessionEnd("proxy-header", "no header came first");
  admit(core, session);
}

/**
 * Whether XCLIENT and the fields of ID count. Asked when the dialogue begins: whom a PROXY header has
 * named is another than the proxy that sent it, and has to be trusted itself.
 */
export function mayClaim({ listener, client, unnamed }: Session): boolean {
  return !unnamed && isInAny(listener.proxyTrusted, client.hostname);
}

/** Take what a trusted peer says in its protocol. Throws SessionEnd("acl") when it names one who is not to be served. */
export function adopt(
  core: WorkerCore,
  session: Session,
  { address, port, ttl, sessionId }: ClaimedClient,
): void {
  const hostname = address === undefined ? null : literal(address);
  session.client = {
    hostname: hostname ?? session.client.hostname,
    port: isWithin(port, 0xffff) ? port : session.client.port,
  };
  if (isWithin(ttl, Number.MAX_SAFE_INTEGER)) session.ttl = ttl;
  if (sessionId) session.upstreamId = sessionId.slice(0, UPSTREAM_ID_MAX);
  tell(core, session);
  if (hostname !== null) admit(core, session);
}

async function readHeader(session: Session): Promise<ProxyHeader | null> {
  try {
    return await readProxyHeader(session.leg.reader);
  } catch (error) {
    if (!(error instanceof ProxyHeaderInvalid)) throw error;
    throw new SessionEnd("proxy-header", error.message);
  }
}

function apply(core: WorkerCore, session: Session, header: ProxyHeader): void {
  if (header.kind === "proxied") {
    session.client = header.client;
    session.local = header.local;
  } else session.unnamed = true;
  session.upstreamId = header.uniqueId ?? null;
  tell(core, session);
}

/** The session was reported at its accept, when its client was not known. */
function tell(core: WorkerCore, { id, client, upstreamId }: Session): void {
  core.reporter.session({
    kind: "change",
    id,
    peer: formatEndpoint(client.hostname, client.port),
    ...(upstreamId === null ? {} : { upstreamId }),
  });
}

function isSilenceUsual({ tls, protocol }: ListenerSnapshot): boolean {
  return tls !== "implicit" && protocol !== "http";
}

async function isSilent(core: WorkerCore, session: Session): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const deadline = core.deadlines.after(SILENCE_MS, () => resolve(true));
  void session.leg.reader.peek(1).then(() => resolve(false));
  try {
    return await promise;
  } finally {
    deadline.cancel();
  }
}

function literal(address: string): string | null {
  try {
    return formatAddress(parseAddress(address));
  } catch {
    return null;
  }
}

function isWithin(value: number | undefined, max: number): value is number {
  return value !== undefined && Number.isInteger(value) && value >= 0 &&
    value <= max;
}
