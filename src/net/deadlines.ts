/** One limit that is running. */
export interface Deadline {
  /** The limit no longer applies. Harmless when it has passed. */
  cancel(): void;
}

class Entry implements Deadline {
  constructor(
    readonly due: number,
    /** Dropped with the limit: whoever keeps a limit that is over must not keep what it would have done. */
    public action: (() => void) | null,
    private readonly deadlines: Deadlines,
  ) {}

  cancel(): void {
    this.deadlines.remove(this);
    this.action = null;
  }
}

/**
 * All time limits of a worker on one coarse timer: a timer for each session and stage would cost
 * more than the sessions themselves. An action runs up to one tick late, never early.
 */
export class Deadlines {
  #buckets = new Map<number, Set<Entry>>();
  #count = 0;
  #timer: ReturnType<typeof setInterval> | undefined;
  #handled: number;

  /** Milliseconds of `clock`, refreshed at each tick while a limit runs. */
  now: number;

  constructor(
    readonly tick = 100,
    private readonly clock: () => number = performance.now.bind(performance),
  ) {
    this.now = clock();
    this.#handled = this.#slot(this.now);
  }

  /** Run `action` when `ms` have passed. */
  after(ms: number, action: () => void): Deadline {
    if (this.#timer === undefined) this.#start();
    const due = this.#slot(this.clock() + ms) + 1;
    const entry = new Entry(due, action, this);
    const bucket = this.#buckets.get(due);
    if (bucket) bucket.add(entry);
    else this.#buckets.set(due, new Set([entry]));
    this.#count++;
    return entry;
  }

  #slot(ms: number): number {
    return Math.floor(ms / this.tick);
  }

  #start(): void {
    this.now = this.clock();
    this.#handled = this.#slot(this.now);
    this.#timer = setInterval(() => this.run(), this.tick);
  }

  /** One tick: run all that is due. Called by the timer; a test with a clock of its own calls it. */
  run(): void {
    this.now = this.clock();
    const last = this.#slot(this.now);
    while (this.#handled < last) {
      const bucket = this.#buckets.get(++this.#handled);
      if (!bucket) continue;
      for (const entry of bucket) {
        this.remove(entry);
        entry.action?.();
      }
    }
    if (this.#count === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
  }

  /** For `cancel`. */
  remove(entry: Entry): void {
    const bucket = this.#buckets.get(entry.due);
    if (!bucket?.delete(entry)) return;
    this.#count--;
    if (bucket.size === 0) this.#buckets.delete(entry.due);
  }
}
