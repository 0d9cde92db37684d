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

/** Makes seats of pairs, and keeps some. */
export class SeatPool {
  #spare: Seat[] = [];
  #waiting: ((seat: Seat | null) => void)[] = [];
  #spares = 0;
  #filling = false;
  #closed = false;
  #possible = libc() !== null;

  /** `pair` makes a new one; it may reject. */
  constructor(private readonly pair: () => Promise<Pair>) {}

  /** A seat, or null where there can be none. Never rejects. */
  take(): Promise<Seat | null> {
    const spare = this.#spare.pop();
    if (spare) return Promise.resolve(spare);
    if (!this.#possible || this.#closed) return Promise.resolve(null);
    const { promise, resolve } = Promise.withResolvers<Seat | null>();
    this.#waiting.push(resolve);
    if (!this.#filling) void this.#fill();
    return promise;
  }

  /** No more seats; those that were taken are their takers'. */
  close(): void {
    this.#closed = true;
    for (const seat of this.#spare.splice(0)) discard(seat);
  }

  async #fill(): Promise<void> {
    this.#filling = true;
    while (this.#waiting.length > 0) {
      const seats = await this.#make(this.#waiting.length + this.#spares);
      if (seats.length === 0) {
        for (const resolve of this.#waiting.splice(0)) resolve(null);
      }
      for (const seat of seats) {
        const resolve = this.#waiting.shift();
        if (resolve) resolve(seat);
        else if (this.#closed) discard(seat);
        else this.#spare.push(seat);
      }
    }
    this.#filling = false;
  }

  async #make(count: number): Promise<Seat[]> {
    const made = await Promise.allSettled(
      Array.from({ length: count }, () => this.pair()),
    );
    const pairs = made.flatMap((one) =>
      one.status === "fulfilled" ? [one.value] : []
    );
    if (pairs.length === 0) return [];
    const names = pairs.map(({ partner }) => nameOfEnds(partner));
    const descriptors = findSockets(names);
    const reading = registrations(new Set(descriptors.values()));
    // It is no use to try this again and again on a system that tells nothing.
    if (descriptors.size > 0 && reading === null) this.#possible = false;
    this.#spares = Math.min(
      SPARE_MAX,
      Math.floor((reading?.others ?? 0) / OTHERS_FOR_A_SPARE),
    );
    return pairs.flatMap((pair, i) => {
      const registration = reading?.found.get(
        descriptors.get(names[i]!) ?? -1,
      );
      if (registration) return [{ ...pair, registration }];
      discard(pair);
      return [];
    });
  }
}

function discard({ inner, partner }: Pair): void {
  close(inner);
  close(partner);
}
