import { StoreError } from "../store.ts";

/**
 * Bounds what a source has under way, and how many wait for it. An era ends when the source is given up:
 * those who wait then fail, and what still occupies a seat of the old era no longer counts.
 */
export class Seats {
  #era = { taken: 0 };
  readonly #waiting = new Set<{
    sit: (leave: () => void) => void;
    fail: (error: StoreError) => void;
  }>();

  constructor(
    private readonly seats: number,
    private readonly mostWaiting: number,
  ) {}

  /** Answers how to give the seat back. Rejects with what `signal` was aborted for, or StoreError. */
  take(signal: AbortSignal): Promise<() => void> {
    if (this.#era.taken < this.seats) return Promise.resolve(this.#sit());
    if (this.#waiting.size >= this.mostWaiting) {
      return Promise.reject(
        new StoreError(
          "unavailable",
          `more than ${this.mostWaiting} requests wait for it`,
        ),
      );
    }
    return new Promise((done, fail) => {
      const abort = () => {
        this.#waiting.delete(waiting);
        fail(signal.reason);
      };
      const free = () => signal.removeEventListener("abort", abort);
      const waiting = {
        sit(leave: () => void) {
          free();
          done(leave);
        },
        fail(error: StoreError) {
          free();
          fail(error);
        },
      };
      signal.addEventListener("abort", abort, { once: true });
      this.#waiting.add(waiting);
    });
  }

  /** Everybody who waits fails, and all seats are free. */
  clear(reason: StoreError): void {
    this.#era = { taken: 0 };
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const { fail } of waiting) fail(reason);
  }

  #sit(): () => void {
    const era = this.#era;
    era.taken++;
    let left = false;
    return () => {
      if (left) return;
      left = true;
      era.taken--;
      if (era === this.#era) this.#next();
    };
  }

  #next(): void {
    const [first] = this.#waiting;
    if (!first) return;
    this.#waiting.delete(first);
    first.sit(this.#sit());
  }
}
