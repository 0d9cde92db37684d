import type { LegSnapshot, WorkerSnapshot } from "../port/snapshot.ts";
import { findRoot } from "../protocols/probe.ts";

/**
 * Finds out which authority signed for a verified leg, so that its connections need not hold a copy
 * of all. What is found saves memory and time and decides nothing: a leg whose certificate comes to
 * be signed by another one is dialled with all authorities.
 */
export class RootFinder {
  #roots = new Map<string, string>();
  /** Legs that are being looked at. */
  #busy = new Set<string>();

  /** The authority found for a leg. */
  readonly rootOf = (leg: LegSnapshot): string | undefined =>
    this.#roots.get(keyOf(leg));

  /** Find the authority of a leg anew; true when it is another one than was known. */
  async find(leg: LegSnapshot, snapshot: WorkerSnapshot): Promise<boolean> {
    const key = keyOf(leg);
    if (leg.trust.kind !== "store" || this.#busy.has(key)) return false;
    this.#busy.add(key);
    try {
      const before = this.#roots.get(key);
      const root = await this.#search(leg, snapshot);
      if (root === undefined) this.#roots.delete(key);
      else this.#roots.set(key, root);
      return root !== before;
    } finally {
      this.#busy.delete(key);
    }
  }

  /** An authority that signed for another leg is the likeliest. */
  async #search(
    leg: LegSnapshot,
    { trustRoots, backendTimeout }: WorkerSnapshot,
  ): Promise<string | undefined> {
    for (const known of new Set(this.#roots.values())) {
      if (!trustRoots.includes(known)) continue;
      if (await findRoot(leg, [known], backendTimeout)) return known;
    }
    return await findRoot(leg, trustRoots, backendTimeout);
  }
}

function keyOf({ host, port, trust }: LegSnapshot): string {
  return `${host} ${port} ${trust.serverName}`;
}
