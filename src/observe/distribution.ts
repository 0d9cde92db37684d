/** How many values fell into each bucket, as it crosses between threads. */
export interface Counted {
  /** One for each bucket, and one for all that lies above. */
  readonly counts: readonly number[];
  readonly sum: number;
}

/** The values of a histogram. */
export class Distribution {
  readonly #counts: number[];
  #sum = 0;

  constructor(private readonly buckets: readonly number[]) {
    this.#counts = new Array(buckets.length + 1).fill(0);
  }

  observe(value: number): void {
    const bucket = this.buckets.findIndex((bound) => value <= bound);
    this.#counts[bucket < 0 ? this.buckets.length : bucket]!++;
    this.#sum += value;
  }

  /** What another thread has observed. */
  add({ counts, sum }: Counted): void {
    counts.forEach((count, i) => this.#counts[i]! += count);
    this.#sum += sum;
  }

  counted(): Counted {
    return { counts: this.#counts, sum: this.#sum };
  }
}
