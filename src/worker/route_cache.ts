import type { RouteAnswer } from "../port/messages.ts";

const ENTRIES_MAX = 10_000;

/**
 * A worker's own small memory of routes, so that a login that hits it needs no message to the
 * control plane. Oldest entries go first; the control plane invalidates it and bounds each entry's life.
 */
export class RouteCache {
  #entries = new Map<string, { answer: RouteAnswer; until: number }>();

  constructor(
    private readonly clock: () => number = performance.now.bind(performance),
  ) {}

  get size(): number {
    return this.#entries.size;
  }

  get(identifier: string): RouteAnswer | undefined {
    const entry = this.#entries.get(identifier);
    if (!entry) return undefined;
    if (entry.until > this.clock()) return entry.answer;
    this.#entries.delete(identifier);
    return undefined;
  }

  put(identifier: string, answer: RouteAnswer): void {
    if (answer.ttl <= 0) return;
    if (this.#entries.size >= ENTRIES_MAX) {
      const oldest = this.#entries.keys().next().value;
      if (oldest !== undefined) this.#entries.delete(oldest);
    }
    this.#entries.set(identifier, { answer, until: this.clock() + answer.ttl });
  }

  /** Forget one identifier, or with null everything. */
  invalidate(identifier: string | null): void {
    if (identifier === null) this.#entries.clear();
    else this.#entries.delete(identifier);
  }
}
