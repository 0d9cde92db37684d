import type { CertificateSnapshot, SocketAddress } from "../port/snapshot.ts";
import { pickCertificate } from "./certificates.ts";
import { tuneListeners } from "./nodelay.ts";

/** Called for each accepted connection; must not throw. */
export type OnConnection<C> = (connection: C) => void;

/** A bound socket that is accepting. */
export interface Bound {
  readonly address: SocketAddress;
  /** Stop accepting and free the port; accepted connections go on. */
  close(): void;
}

/**
 * The runtime keeps the answer for each server name as long as the listener lives, about 1.5 KB a
 * name: after so many names the listener is replaced, so that random names cannot fill the memory.
 */
const SERVER_NAMES_MAX = 4096;
/** After a failed accept (no file descriptors) the next try waits, or the loop would spin. */
const ACCEPT_RETRY_MS = 100;

/** Options that the runtime knows and its published types do not. */
interface SniOptions {
  [key: symbol]: (serverName: string) => Promise<{ cert: string; key: string }>;
}

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

/** Listen for implicit TLS with a certificate for each server name. Throws what the bind throws. */
export function listenTls(
  address: SocketAddress,
  reusePort: boolean,
  certificates: readonly CertificateSnapshot[],
  onConnection: OnConnection<Deno.TlsConn>,
): Bound {
  const open = (at: SocketAddress): Deno.TlsListener => {
    const only = certificates.length === 1 ? certificates[0]! : null;
    const fallback = pickCertificate(certificates, "");
    if (!fallback) throw new Error("no certificate to serve TLS with");
    const material = {
      cert: (only ?? fallback).certPem,
      key: (only ?? fallback).keyPem,
    };
    if (only) return Deno.listenTls({ ...at, ...material, reusePort });
    let names = 0;
    const sni: SniOptions = {
      [Symbol.for("unstableSniResolver")]: (serverName) => {
        if (++names % SERVER_NAMES_MAX === 0) queueMicrotask(renew);
        const found = pickCertificate(certificates, serverName)!;
        return Promise.resolve({ cert: found.certPem, key: found.keyPem });
      },
    };
    return Deno.listenTls(
      { ...at, reusePort, ...sni } as unknown as Parameters<
        typeof Deno.listenTls
      >[0],
    );
  };
  let listener = open(address);
  tuneListeners();
  let closed = false;
  const bound = addressOf(listener);
  const renew = () => {
    // A handshake that outlives its listener may ask for a name, too.
    if (!reusePort || closed) return;
    let fresh: Deno.TlsListener;
    try {
      fresh = open(bound);
    } catch {
      // No file descriptor, say: the old one serves on, and the next thousands of names try again.
      return;
    }
    tuneListeners();
    closeQuietly(listener);
    listener = fresh;
    void acceptAll(fresh, onConnection);
  };
  void acceptAll(listener, onConnection);
  return {
    address: bound,
    close() {
      closed = true;
      closeQuietly(listener);
    },
  };
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
