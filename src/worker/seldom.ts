/** Lets one of each kind through in a stretch of time, so that a fault of every login is logged but not every time. */
export class Seldom {
  readonly #last = new Map<string, number>();

  constructor(
    private readonly ms: number,
    private readonly clock: () => number = performance.now.bind(performance),
  ) {}

  /** True when the last time that this was true for `kind` is long enough ago. Kinds are few. */
  allows(kind: string): boolean {
    const now = this.clock();
    const last = this.#last.get(kind);
    if (last !== undefined && now - last < this.ms) return false;
    this.#last.set(kind, now);
    return true;
  }
}
