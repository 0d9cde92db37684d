import type { SocketAddress } from "../port/snapshot.ts";
import { abandon } from "./abandon.ts";
import { close } from "./bridge.ts";
import type { Deadlines } from "./deadlines.ts";
import { type Bound, listenTls, type TlsOffer } from "./listen.ts";
import type { Pair } from "./seat.ts";

/** How long a half of a pair waits for the other. */
const PAIR_MS = 2000;
/** How many halves may wait at once. */
const PAIRS_MAX = 1024;

/**
 * Connections over loopback to TLS listeners of our own, one listener for each offer that was asked for.
 * Their two ends are paired by the ports of the connection; a connection of anybody else finds no
 * partner and is closed.
 */
export class LoopbackPairs {
  #listeners = new Map<TlsOffer, Bound>();
  #claims = new Map<string, (connection: Deno.TlsConn | null) => void>();
  #unclaimed = new Map<string, Deno.TlsConn>();
  #closed = false;

  /** `host`: an address of 127.0.0.0/8. */
  constructor(
    private readonly host: string,
    private readonly deadlines: Deadlines,
  ) {}

  /** Halves of pairs that wait for the other half. */
  get pending(): number {
    return this.#claims.size + this.#unclaimed.size;
  }

  /** No more pairs; those that were made are their makers'. */
  close(): void {
    this.#closed = true;
    for (const bound of this.#listeners.values()) bound.close();
    this.#listeners.clear();
  }

  /** The listener that shows this. Throws what the bind or the certificate throws. */
  listen(offer: TlsOffer): Bound {
    const open = this.#listeners.get(offer);
    if (open) return open;
    if (this.#closed) throw new Error("closed");
    const bound = listenTls(
      { hostname: this.host, port: 0 },
      false,
      offer,
      (connection) => this.#accepted(connection),
    );
    this.#listeners.set(offer, bound);
    return bound;
  }

  /** A pair whose accepted end shows this. Throws what binding and connecting throw. */
  async make(offer: TlsOffer): Promise<Pair> {
    let inner: Deno.TcpConn;
    try {
      inner = await Deno.connect({ ...this.listen(offer).address });
    } catch (error) {
      throw new Error(`loopback: ${(error as Error).message}`);
    }
    inner.setNoDelay(true);
    const partner = await this.#claim(
      pairKey(inner.localAddr, inner.remoteAddr),
    );
    if (partner) return { inner, partner };
    close(inner);
    throw new Error("loopback: no partner");
  }

  #claim(key: string): Promise<Deno.TlsConn | null> {
    const early = this.#unclaimed.get(key);
    if (early) {
      this.#unclaimed.delete(key);
      return Promise.resolve(early);
    }
    if (this.#claims.size >= PAIRS_MAX) return Promise.resolve(null);
    return new Promise((resolve) => {
      const deadline = this.deadlines.after(PAIR_MS, () => {
        this.#claims.delete(key);
        resolve(null);
      });
      this.#claims.set(key, (connection) => {
        this.#claims.delete(key);
        deadline.cancel();
        resolve(connection);
      });
    });
  }

  #accepted(connection: Deno.TlsConn): void {
    const key = pairKey(connection.remoteAddr, connection.localAddr);
    const claim = this.#claims.get(key);
    if (claim) return claim(connection);
    if (this.#unclaimed.size >= PAIRS_MAX) return abandon(connection);
    // The accept may be seen before the connect that caused it.
    this.#unclaimed.set(key, connection);
    this.deadlines.after(PAIR_MS, () => {
      if (this.#unclaimed.get(key) !== connection) return;
      this.#unclaimed.delete(key);
      abandon(connection);
    });
  }
}

/** The system may give one port to connections to two listeners. */
function pairKey(connecting: Deno.Addr, listening: Deno.Addr): string {
  const { hostname, port } = connecting as SocketAddress;
  return `${hostname}:${port} ${(listening as SocketAddress).port}`;
}
