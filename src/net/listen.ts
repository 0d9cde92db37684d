import type { CertificateSnapshot, SocketAddress } from "../port/snapshot.ts";
import { tuneListeners } from "./nodelay.ts";

/** Called for each accepted connection; must not throw. */
export type OnConnection<C> = (connection: C) => void;

/** A bound socket that is accepting. */
export interface Bound {
  readonly address: SocketAddress;
  /** Stop accepting and free the port; accepted connections go on. */
  close(): void;
}

/** After a failed accept (no file descriptors) the next try waits, or the loop would spin. */
const ACCEPT_RETRY_MS = 100;

/** Waited for before each accept; whoever connects meanwhile waits in the system's queue. */
export type AcceptGate = () => Promise<void>;

/** Listen for clear-text TCP. Throws what the bind throws. */
export function listenTcp(
  address: SocketAddress,
  reusePort: boolean,
  onConnection: OnConnection<Deno.TcpConn>,
  gate?: AcceptGate,
): Bound {
  const listener = Deno.listen({ ...address, reusePort });
  tuneListeners();
  void acceptAll(listener, onConnection, gate);
  return { address: addressOf(listener), close: () => closeQuietly(listener) };
}

/** What a TLS listener shows its clients. */
export interface TlsOffer
  extends Pick<CertificateSnapshot, "certPem" | "keyPem"> {
  /**
   * What it agrees to speak with clients that ask by ALPN; those that want something else are refused
   * (RFC 7301 section 3.2). Without it their question is left unanswered.
   */
  readonly alpn?: readonly string[];
}

/** Of listeners for HTTP: clients that know HTTP/2 too learn that it is not spoken here. */
export const HTTP_ALPN = ["http/1.1"];

/**
 * Listen for implicit TLS with one certificate. The runtime could ask for one by the client's server name,
 * but gives such a client up whose hello does not come in one piece. Throws what the bind throws.
 */
export function listenTls(
  address: SocketAddress,
  reusePort: boolean,
  { certPem, keyPem, alpn }: TlsOffer,
  onConnection: OnConnection<Deno.TlsConn>,
): Bound {
  const listener = Deno.listenTls({
    ...address,
    cert: certPem,
    key: keyPem,
    reusePort,
    ...alpn && { alpnProtocols: [...alpn] },
  });
  tuneListeners();
  void acceptAll(listener, onConnection);
  return { address: addressOf(listener), close: () => closeQuietly(listener) };
}

/** Accept until the listener is closed. */
export async function acceptAll<C extends { close(): void }>(
  listener: { accept(): Promise<C> },
  onConnection: OnConnection<C>,
  gate?: AcceptGate,
): Promise<void> {
  for (;;) {
    if (gate) await gate();
    let connection: C;
    try {
      connection = await listener.accept();
    } catch (error) {
      if (
        error instanceof Deno.errors.BadResource ||
        error instanceof Deno.errors.Interrupted
      ) return;
      // One that was reset in the queue is gone from it: whoever comes next need not wait for that.
      if (
        error instanceof Deno.errors.NotConnected ||
        error instanceof Deno.errors.ConnectionAborted ||
        error instanceof Deno.errors.ConnectionReset
      ) continue;
      await new Promise((resolve) => setTimeout(resolve, ACCEPT_RETRY_MS));
      continue;
    }
    onConnection(connection);
  }
}

function addressOf(listener: Deno.Listener): SocketAddress {
  const { hostname, port } = listener.addr as Deno.NetAddr;
  return { hostname, port };
}

/** Close a listener that may be closed already. */
export function closeQuietly(listener: { close(): void }): void {
  try {
    listener.close();
  } catch {
    // Closed already: a renewal and a shutdown may both reach it.
  }
}
