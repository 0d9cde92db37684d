import type { Clock } from "../../src/observe/clock.ts";

/** A clock that stands still until it is told to advance. */
export class FakeClock implements Clock {
  #now = 0;
  #next = 0;
  #timers = new Map<number, { at: number; run: () => void }>();

  now(): number {
    return this.#now;
  }

  after(ms: number, run: () => void): () => void {
    const id = this.#next++;
    this.#timers.set(id, { at: this.#now + ms, run });
    return () => this.#timers.delete(id);
  }

  /** How many timers are armed: a test of leaks. */
  get armed(): number {
    return this.#timers.size;
  }

  /** Move on, running what falls due in order of its time. */
  advance(ms: number): void {
    const until = this.#now + ms;
    for (;;) {
      let due: [number, { at: number; run: () => void }] | undefined;
      for (const timer of this.#timers) {
        if (timer[1].at <= until && (!due || timer[1].at < due[1].at)) {
          due = timer;
        }
      }
      if (!due) break;
      this.#timers.delete(due[0]);
      this.#now = Math.max(this.#now, due[1].at);
      due[1].run();
    }
    this.#now = until;
  }
}
