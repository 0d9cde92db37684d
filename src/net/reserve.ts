import type { SocketAddress } from "../port/snapshot.ts";

/** A port that is ours while the workers bind it. */
export interface Reservation {
  readonly address: SocketAddress;
  /** The workers have bound it (or never will). */
  release(): void;
}

/**
 * Make sure that nobody listens on an address. Listeners that share a port would let a second copy
 * of the program start by mistake, so the trial does not share; port 0 becomes a free port, which
 * is held by a sharing socket until the workers are there. Throws what the bind throws.
 */
export function reserve(address: SocketAddress): Reservation {
  if (address.port !== 0) {
    Deno.listen({ ...address }).close();
    return { address, release: () => {} };
  }
  const holder = Deno.listen({ ...address, reusePort: true });
  const { port } = holder.addr;
  return {
    address: { hostname: address.hostname, port },
    release: () => holder.close(),
  };
}
