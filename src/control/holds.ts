import type { Clock } from "../observe/clock.ts";

/** Longer delays count as this, seconds. */
export const LONGEST_HOLD = 120;

/** Logins held for one account at once. */
const MOST_HELD_LOGINS = 32;

interface Waiter {
  readonly identifier: string;
  readonly listener: string;
  readonly worker: number;
  readonly answer: (outcome: { granted: boolean }) => void;
}

interface Hold {
  /** Clock time at which its delay ends; null: it has none. */
  ends: number | null;
  cancelTimer: () => void;
  /** How many changes are under way that let nobody go on. */
  pins: number;
  readonly sessions: Set<string>;
}

/**
 * The accounts whose new logins wait, and who waits: for the end of a delay, and of every change that
 * pins the account. Identifiers are normalized ones.
 */
export class Holds {
  #holds = new Map<string, Hold>();
  #waiters = new Map<string, Waiter>();
  #byListener = new Map<string, number>();

  constructor(
    /** `max_connections` of a listener; a quarter of it may wait. */
    private readonly maxConnections: (listener: string) => number,
    private readonly clock: Clock,
    /** Accounts begin or cease to be held. It is told before anybody who waited is let go on. */
    private readonly onChange: (
      identifiers: readonly string[],
      held: boolean,
    ) => void,
  ) {}

  /** Hold each new login of the account for so long; another delay replaces the end, 0 ends it now. */
  delay(identifier: string, seconds: number): void {
    const known = this.#holds.get(identifier);
    known?.cancelTimer();
    const undelay = (hold: Hold) => {
      hold.ends = null;
      this.#endUnneeded([[identifier, hold]]);
    };
    if (seconds <= 0) {
      if (known) undelay(known);
      return;
    }
    const ms = Math.min(seconds, LONGEST_HOLD) * 1000;
    const hold = known ?? this.#begin(identifier);
    hold.ends = this.clock.now() + ms;
    hold.cancelTimer = this.clock.after(ms, () => undelay(hold));
    if (!known) this.onChange([identifier], true);
  }

  /** Hold each new login of the accounts until the answer is called, however their delays end. */
  pin(identifiers: readonly string[]): () => void {
    const begun = identifiers.filter((each) => !this.#holds.has(each));
    const pinned = identifiers.map((each): [string, Hold] => [
      each,
      this.#holds.get(each) ?? this.#begin(each),
    ]);
    for (const [, hold] of pinned) hold.pins++;
    if (begun.length > 0) this.onChange(begun, true);
    let isPinned = true;
    return () => {
      if (!isPinned) return;
      isPinned = false;
      for (const [, hold] of pinned) hold.pins--;
      this.#endUnneeded(pinned);
    };
  }

  /** Answers when the hold has ended, or at once with `granted: false` when too many wait already. */
  wait(
    worker: number,
    request: { identifier: string; listener: string; session: string },
  ): { granted: boolean } | Promise<{ granted: boolean }> {
    const { identifier, listener, session } = request;
    const hold = this.#holds.get(identifier);
    if (!hold) return { granted: true };
    const held = this.#byListener.get(listener) ?? 0;
    // A quarter of three connections is still one login.
    const most = Math.max(1, Math.floor(this.maxConnections(listener) / 4));
    if (hold.sessions.size >= MOST_HELD_LOGINS || held >= most) {
      return { granted: false };
    }
    this.leave(session);
    return new Promise((answer) => {
      hold.sessions.add(session);
      this.#waiters.set(session, { identifier, listener, worker, answer });
      this.#byListener.set(
        listener,
        (this.#byListener.get(listener) ?? 0) + 1,
      );
    });
  }

  /** A session that waited went away. */
  leave(session: string): void {
    const waiter = this.#waiters.get(session);
    if (waiter) this.#holds.get(waiter.identifier)?.sessions.delete(session);
    this.#answer(session, false);
  }

  /** All sessions of a worker went away. */
  workerLost(worker: number): void {
    for (const [session, waiter] of this.#waiters) {
      if (waiter.worker === worker) this.leave(session);
    }
  }

  /** Accounts held now, with the time left of their delay in ms: what a new worker has to know. */
  current(): { readonly identifier: string; readonly remaining: number }[] {
    return [...this.#holds].map(([identifier, hold]) => ({
      identifier,
      remaining: this.#remaining(hold),
    }));
  }

  /** How many logins of the account wait, and for how long its delay still runs (ms); null when it is not held. */
  of(identifier: string): { waiting: number; remaining: number } | null {
    const hold = this.#holds.get(identifier);
    if (!hold) return null;
    return { waiting: hold.sessions.size, remaining: this.#remaining(hold) };
  }

  get waiting(): number {
    return this.#waiters.size;
  }

  /** Stops every timer and refuses everybody who waits. */
  close(): void {
    for (const hold of this.#holds.values()) hold.cancelTimer();
    this.#holds.clear();
    for (const session of [...this.#waiters.keys()]) {
      this.#answer(session, false);
    }
  }

  #begin(identifier: string): Hold {
    const hold = {
      ends: null,
      cancelTimer: () => {},
      pins: 0,
      sessions: new Set<string>(),
    };
    this.#holds.set(identifier, hold);
    return hold;
  }

  /** Those that nothing holds any more. */
  #endUnneeded(holds: readonly (readonly [string, Hold])[]): void {
    const over = holds.filter(([identifier, hold]) =>
      hold.ends === null && hold.pins === 0 &&
      this.#holds.get(identifier) === hold
    );
    if (over.length === 0) return;
    for (const [identifier] of over) this.#holds.delete(identifier);
    this.onChange(over.map(([identifier]) => identifier), false);
    for (const [, { sessions }] of over) {
      for (const session of sessions) this.#answer(session, true);
    }
  }

  #remaining({ ends }: Hold): number {
    return ends === null ? 0 : Math.max(0, ends - this.clock.now());
  }

  #answer(session: string, granted: boolean): void {
    const waiter = this.#waiters.get(session);
    if (!waiter) return;
    this.#waiters.delete(session);
    const left = (this.#byListener.get(waiter.listener) ?? 0) - 1;
    if (left > 0) this.#byListener.set(waiter.listener, left);
    else this.#byListener.delete(waiter.listener);
    waiter.answer({ granted });
  }
}
