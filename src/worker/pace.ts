import type { Deadlines } from "../net/deadlines.ts";

/** How much of a second's worth may come at once. */
const BURST_MS = 100;

/** Lets things happen so many times a second at most; whoever comes too soon waits for its turn. */
export class Pace {
  #interval = 0;
  /** When the next one is due, on the clock of `performance.now()`. */
  #next = 0;

  constructor(
    private readonly deadlines: Pick<Deadlines, "after">,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** Null: as many as come. */
  configure(perSecond: number | null): void {
    this.#interval = perSecond === null ? 0 : 1000 / perSecond;
  }

  /** Null where there is no need to wait. */
  turn(): Promise<void> | null {
    if (this.#interval === 0) return null;
    const now = this.now();
    this.#next = Math.max(this.#next, now) + this.#interval;
    const wait = this.#next - now - this.#interval - BURST_MS;
    if (wait <= 0) return null;
    return new Promise((resolve) => this.deadlines.after(wait, resolve));
  }
}
