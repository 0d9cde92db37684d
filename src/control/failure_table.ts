import type { Clock } from "../observe/clock.ts";

/** How failures of one kind of name are judged. Durations are milliseconds. */
export interface FailureRule {
  /** Failures after which the name is refused; 0: nothing is counted. */
  readonly threshold: number;
  readonly window: number;
  readonly refusalTime: number;
}

interface Entry {
  count: number;
  last: number;
  /** 0 while the name is not refused. */
  refusedUntil: number;
}

/** What is counted of a name, for another process to go on with. Milliseconds. */
export interface SavedFailure {
  readonly name: string;
  readonly count: number;
  /** Since the last failure. */
  readonly age: number;
  /** 0 where it is not refused. */
  readonly refusedFor: number;
}

/** Failed logins by address or by account. Names are chosen by strangers, so their number is bounded. */
export class FailureTable {
  /** Those that failed longest ago come first. */
  readonly #entries = new Map<string, Entry>();

  constructor(
    private rule: FailureRule,
    private readonly clock: Clock,
    /** Beyond so many names the one that failed longest ago is forgotten. */
    private readonly most = 100_000,
  ) {}

  configure(rule: FailureRule): void {
    this.rule = rule;
    if (rule.threshold === 0) this.#entries.clear();
  }

  /** Count a failure; answers which one it is in a row, 0 where none are counted. */
  add(name: string): number {
    const { threshold, refusalTime } = this.rule;
    if (threshold === 0) return 0;
    this.#sweep();
    const now = this.clock.now();
    const entry = this.#current(name) ?? { count: 0, last: 0, refusedUntil: 0 };
    entry.count++;
    entry.last = now;
    if (entry.count >= threshold && entry.refusedUntil === 0) {
      entry.refusedUntil = now + refusalTime;
    }
    this.#entries.delete(name);
    this.#entries.set(name, entry);
    if (this.#entries.size > this.most) {
      this.#entries.delete(this.#entries.keys().next().value!);
    }
    return entry.count;
  }

  /** Milliseconds for which the name is still refused. */
  refusedFor(name: string): number {
    const until = this.#current(name)?.refusedUntil ?? 0;
    return Math.max(0, until - this.clock.now());
  }

  /** Failures that count against the name. */
  count(name: string): number {
    return this.#current(name)?.count ?? 0;
  }

  names(): string[] {
    this.#sweep();
    return [...this.#entries.keys()].filter((name) => this.count(name) > 0);
  }

  /** What counts still; those that failed longest ago come first. */
  save(): SavedFailure[] {
    const now = this.clock.now();
    return this.names().map((name) => {
      const { count, last } = this.#entries.get(name)!;
      const refusedFor = this.refusedFor(name);
      return { name, count, age: now - last, refusedFor };
    });
  }

  /** Go on where another process was; nothing where nothing is counted here. */
  restore(saved: readonly SavedFailure[]): void {
    if (this.rule.threshold === 0) return;
    const now = this.clock.now();
    for (const { name, count, age, refusedFor } of saved) {
      const refusedUntil = refusedFor > 0 ? now + refusedFor : 0;
      this.#entries.set(name, { count, last: now - age, refusedUntil });
    }
  }

  /** True when there was something to forget. */
  clear(name: string): boolean {
    return this.#entries.delete(name);
  }

  #current(name: string): Entry | null {
    const entry = this.#entries.get(name);
    return entry && !this.#isOver(entry) ? entry : null;
  }

  /** A refusal that has ended leaves no count behind: the name begins anew. */
  #isOver({ last, refusedUntil }: Entry): boolean {
    const now = this.clock.now();
    return refusedUntil === 0
      ? now - last > this.rule.window
      : now >= refusedUntil;
  }

  /** Only the front is looked at: who failed long ago has waited long enough, or will be found next time. */
  #sweep(): void {
    for (const [name, entry] of this.#entries) {
      if (!this.#isOver(entry)) return;
      this.#entries.delete(name);
    }
  }
}
