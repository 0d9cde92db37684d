import { type Clock, systemClock } from "./clock.ts";

interface Entry {
  readonly due: number;
  readonly run: () => void;
}

/**
 * Timers of the same length share one of the clock below, armed for the first of them that is due: a timer of
 * the runtime's for each of many short works costs more than some of the works. It stays armed when nothing
 * is left to run, for no longer than the length.
 */
export class SharedTimers implements Clock {
  /** By their length; in each the entries in the order in which they are due. */
  readonly #queues = new Map<number, Set<Entry>>();

  constructor(private readonly clock: Clock = systemClock) {}

  now(): number {
    return this.clock.now();
  }

  after(ms: number, run: () => void): () => void {
    const entry = { due: this.clock.now() + ms, run };
    const queue = this.#queues.get(ms);
    if (queue) queue.add(entry);
    else this.#open(ms, entry);
    return () => this.#queues.get(ms)?.delete(entry);
  }

  #open(ms: number, first: Entry): void {
    const queue = new Set([first]);
    this.#queues.set(ms, queue);
    this.#arm(ms, queue, ms);
  }

  #arm(ms: number, queue: Set<Entry>, wait: number): void {
    this.clock.after(wait, () => this.#runDue(ms, queue));
  }

  #runDue(ms: number, queue: Set<Entry>): void {
    try {
      for (const entry of queue) {
        if (entry.due > this.clock.now()) break;
        queue.delete(entry);
        entry.run();
      }
    } finally {
      const [next] = queue;
      if (next) this.#arm(ms, queue, next.due - this.clock.now());
      else this.#queues.delete(ms);
    }
  }
}
