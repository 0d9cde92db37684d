import { close } from "./bridge.ts";
import { registrations } from "./epoll.ts";
import { libc } from "./libc.ts";
import type { Pair, Seat } from "./seat.ts";
import { findSockets, nameOfEnds } from "./socket_names.ts";

/**
 * To make a seat, all that this thread waits for has to be read once. So seats are made for all that
 * ask at the same time, and a process with many connections makes one for so many of them besides.
 */
const OTHERS_FOR_A_SPARE = 64;
const SPARE_MAX = 64;

interface Waiting<K> {
  readonly key: K;
  readonly resolve: (seat: Seat | null) => void;
}

/** Makes seats of pairs, and keeps some. Seats of one key are as good as each other. */
export class SeatPool<K> {
  /** The oldest is first. */
  #spare: { readonly key: K; readonly seat: Seat }[] = [];
  #waiting: Waiting<K>[] = [];
  #spares = 0;
  #filling = false;
  #closed = false;
  #possible = libc() !== null;

  /** `pair` makes a new one; it may reject. */
  constructor(private readonly pair: (key: K) => Promise<Pair>) {}

  /** A seat, or null where there can be none. Never rejects. */
  take(key: K): Promise<Seat | null> {
    const at = this.#spare.findLastIndex((spare) => spare.key === key);
    if (at >= 0) return Promise.resolve(this.#spare.splice(at, 1)[0]!.seat);
    if (!this.#possible || this.#closed) return Promise.resolve(null);
    const { promise, resolve } = Promise.withResolvers<Seat | null>();
    this.#waiting.push({ key, resolve });
    if (!this.#filling) void this.#fill();
    return promise;
  }

  /** No more seats; those that were taken are their takers'. */
  close(): void {
    this.#closed = true;
    for (const { seat } of this.#spare.splice(0)) discard(seat);
  }

  async #fill(): Promise<void> {
    this.#filling = true;
    while (this.#waiting.length > 0) {
      const waiting = this.#waiting.splice(0);
      const asked = waiting.map(({ key }) => key);
      // Spares are for the keys that are asked for, in turns.
      const keys = [...new Set(asked)];
      for (let i = 0; i < this.#spares; i++) asked.push(keys[i % keys.length]!);
      for (const { key, seat } of await this.#make(asked)) {
        const at = waiting.findIndex((one) => one.key === key);
        if (at >= 0) waiting.splice(at, 1)[0]!.resolve(seat);
        else this.#keep(key, seat);
      }
      for (const { resolve } of waiting) resolve(null);
    }
    this.#filling = false;
  }

  #keep(key: K, seat: Seat): void {
    if (this.#closed) return discard(seat);
    this.#spare.push({ key, seat });
    if (this.#spare.length > SPARE_MAX) discard(this.#spare.shift()!.seat);
  }

  async #make(keys: readonly K[]): Promise<{ key: K; seat: Seat }[]> {
    const made = await Promise.allSettled(keys.map((key) => this.pair(key)));
    const pairs = made.flatMap((one, i) =>
      one.status === "fulfilled" ? [{ key: keys[i]!, pair: one.value }] : []
    );
    if (pairs.length === 0) return [];
    const names = pairs.map(({ pair }) => nameOfEnds(pair.partner));
    const descriptors = findSockets(names);
    const reading = registrations(new Set(descriptors.values()));
    // It is no use to try this again and again on a system that tells nothing.
    if (descriptors.size > 0 && reading === null) this.#possible = false;
    this.#spares = Math.min(
      SPARE_MAX,
      Math.floor((reading?.others ?? 0) / OTHERS_FOR_A_SPARE),
    );
    return pairs.flatMap(({ key, pair }, i) => {
      const registration = reading?.found.get(
        descriptors.get(names[i]!) ?? -1,
      );
      if (registration) return [{ key, seat: { ...pair, registration } }];
      discard(pair);
      return [];
    });
  }
}

function discard({ inner, partner }: Pair): void {
  close(inner);
  close(partner);
}
