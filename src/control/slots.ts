import type { Clock } from "../observe/clock.ts";

/** Below this share of the limit slots are granted one by one. */
const SCARCE_SHARE = 1 / 8;

/** A worker that does not answer is not waited for longer; its slots come back when it does. */
const RECLAIM_TIMEOUT = 1000;

interface Lease {
  granted: number;
  /** It was given more than one at a time, and so may hold some unused. */
  mayHoldSpare: boolean;
}

class Pool {
  limit = 0;
  readonly leases = new Map<number, Lease>();
  reclaiming: Promise<void> | null = null;

  get granted(): number {
    let granted = 0;
    for (const lease of this.leases.values()) granted += lease.granted;
    return granted;
  }

  get free(): number {
    return this.limit - this.granted;
  }

  get mayHoldSpare(): boolean {
    return this.reclaiming !== null ||
      [...this.leases.values()].some((lease) => lease.mayHoldSpare);
  }
}

/**
 * The connection slots of each listener, `max_connections` over all workers together. Workers hold
 * some unused so that an accept seldom has to ask; when none is free those are called back before
 * anybody is refused. So never more than the limit are in use, and never fewer are let in.
 */
export class SlotPool {
  #pools = new Map<string, Pool>();
  #overall = Infinity;

  constructor(
    /** Asks a worker for the unused slots of a listener; see `reclaimSlots`. */
    private readonly reclaim: (
      worker: number,
      listener: string,
    ) => Promise<number>,
    private readonly clock: Clock,
  ) {}

  /**
   * The limits of a new configuration, by listener, and of all listeners together. What is in use stays
   * counted.
   */
  configure(
    limits: ReadonlyMap<string, number>,
    overall: number | null = null,
  ): void {
    this.#overall = overall ?? Infinity;
    for (const listener of limits.keys()) this.#pool(listener);
    for (const [listener, pool] of this.#pools) {
      pool.limit = limits.get(listener) ?? 0;
      if (pool.free < 0 && pool.mayHoldSpare) {
        void this.#callBack(listener, pool);
      }
      this.#tidy(listener, pool);
    }
  }

  /** Answers a `slots` request: at least one slot while there is one, at most `want`. */
  grant(
    worker: number,
    listener: string,
    want: number,
  ): number | Promise<number> {
    const pool = this.#pools.get(listener);
    if (!pool) return 0;
    const count = this.#take(pool, worker, want);
    if (count > 0) return count;
    // Where all listeners together are full, another one's unused slots are as good.
    const short = pool.free > 0
      ? [...this.#pools]
      : [[listener, pool] as const];
    const holding = short.filter(([, each]) => each.mayHoldSpare);
    if (holding.length === 0) return 0;
    return Promise.all(
      holding.map(([name, each]) => this.#callBack(name, each)),
    )
      .then(() => this.#take(pool, worker, want));
  }

  /** Slots that a worker gave back. */
  back(worker: number, listener: string, count: number): void {
    const pool = this.#pools.get(listener);
    const lease = pool?.leases.get(worker);
    if (!pool || !lease) return;
    lease.granted = Math.max(0, lease.granted - count);
    if (lease.granted === 0) pool.leases.delete(worker);
    this.#tidy(listener, pool);
  }

  /**
   * What another process uses of a listener counts like a worker's; `holder` is a number that no worker
   * has. It may be more than there is: then nobody is let in until it is less.
   */
  occupied(holder: number, listener: string, count: number): void {
    const pool = this.#pools.get(listener);
    if (!pool) return;
    if (count === 0) pool.leases.delete(holder);
    else pool.leases.set(holder, { granted: count, mayHoldSpare: false });
    this.#tidy(listener, pool);
  }

  /** All slots of a worker, or another process, that is gone are free. */
  workerLost(worker: number): void {
    for (const [listener, pool] of this.#pools) {
      pool.leases.delete(worker);
      this.#tidy(listener, pool);
    }
  }

  /** Slots that workers hold, used or not. */
  granted(listener: string): number {
    const pool = this.#pools.get(listener);
    return pool?.granted ?? 0;
  }

  #pool(listener: string): Pool {
    let pool = this.#pools.get(listener);
    if (!pool) this.#pools.set(listener, pool = new Pool());
    return pool;
  }

  #take(pool: Pool, worker: number, want: number): number {
    const free = Math.min(pool.free, this.#overallFree());
    if (free <= 0) return 0;
    const limit = Math.min(pool.limit, this.#overall);
    const scarce = free <= limit * SCARCE_SHARE || free < 2 * want;
    const count = scarce ? 1 : want;
    const lease = pool.leases.get(worker) ??
      { granted: 0, mayHoldSpare: false };
    pool.leases.set(worker, lease);
    lease.granted += count;
    if (count > 1) lease.mayHoldSpare = true;
    return count;
  }

  #overallFree(): number {
    let free = this.#overall;
    if (free === Infinity) return free;
    for (const pool of this.#pools.values()) free -= pool.granted;
    return free;
  }

  /** One round for all who wait. */
  #callBack(listener: string, pool: Pool): Promise<void> {
    return pool.reclaiming ??= this.#round(listener, pool)
      .finally(() => pool.reclaiming = null);
  }

  async #round(listener: string, pool: Pool): Promise<void> {
    const asked = [...pool.leases].filter(([, lease]) => lease.mayHoldSpare);
    const answers = asked.map(async ([worker, lease]) => {
      lease.mayHoldSpare = false;
      // A worker that goes away fails the request and frees its slots by `workerLost`.
      const count = await this.reclaim(worker, listener).catch(() => 0);
      if (pool.leases.get(worker) === lease) this.back(worker, listener, count);
    });
    const late = Promise.withResolvers<void>();
    const cancel = this.clock.after(RECLAIM_TIMEOUT, late.resolve);
    await Promise.race([Promise.all(answers), late.promise]);
    cancel();
  }

  /** A listener that is no longer configured is forgotten with its last connection. */
  #tidy(listener: string, pool: Pool): void {
    if (pool.limit === 0 && pool.leases.size === 0) {
      this.#pools.delete(listener);
    }
  }
}
