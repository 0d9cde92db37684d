/** The last `size` of something, and whoever waits for more. */
export class Ring<T> {
  #kept: T[] = [];
  /** Where the oldest is, once it is full. */
  #start = 0;
  #total = 0;
  readonly #watchers = new Set<(item: T) => void>();

  constructor(private readonly size: number) {}

  /** How many there ever were. */
  get total(): number {
    return this.#total;
  }

  push(item: T): void {
    this.#total++;
    if (this.#kept.length < this.size) this.#kept.push(item);
    else {
      this.#kept[this.#start] = item;
      this.#start = (this.#start + 1) % this.size;
    }
    for (const watcher of this.#watchers) watcher(item);
  }

  /** The oldest first. */
  all(): T[] {
    return [
      ...this.#kept.slice(this.#start),
      ...this.#kept.slice(0, this.#start),
    ];
  }

  /** Be told of each one that comes, until the answer is called. */
  watch(watcher: (item: T) => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }
}
