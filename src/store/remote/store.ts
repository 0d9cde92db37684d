import type { Clock } from "../../observe/clock.ts";
import type { StoreOperation } from "../../observe/metric_names.ts";
import {
  type MappingChanges,
  type MappingPage,
  type MappingStore,
  StoreError,
  type StoreHealth,
} from "../store.ts";
import { unreadableWord } from "../words.ts";
import { Seats } from "./seats.ts";
import { failureOf, type RemoteEvents, type RemoteSource } from "./source.ts";
import { WriteOrder } from "./write_order.ts";

export interface RemoteStoreOptions {
  /** `[mapping] lookup_timeout`, ms; asked for each request. */
  readonly timeout: () => number;
  readonly events: RemoteEvents;
  readonly clock: Clock;
}

/** Logins that wait for a lookup are bounded elsewhere too; a waiting request costs about a kilobyte. */
const MOST_WAITING = 10_000;

/** Pauses between attempts to reach a source that is down, ms: short, so that it is back soon after the server. */
const FIRST_PAUSE = 100;
const LONGEST_PAUSE = 1000;

/** At the start, a source that does not answer is waited for no longer, ms. */
const LONGEST_OPENING = 5000;

/** So many changes or lookups together have as long as one lookup has; a slow disk takes long for a thousand. */
const SIZE_A_TIMEOUT = 250;

/**
 * Mappings in another program. While it cannot be asked, requests fail at once, and it is tried again
 * until it answers: nobody waits in line for a server that hangs, and nothing is piled up for it. One
 * slow answer fails one request alone; the store counts as down when a request runs out of time in which
 * nothing at all was answered, or when it cannot connect.
 */
export class RemoteStore implements MappingStore {
  readonly source: RemoteSource["source"];
  readonly writable: boolean;
  readonly #seats: Seats;
  /** Null while lookups are answered. */
  #problem: string | null = "it was not asked yet";
  /** Changes whenever it goes down: what was under way before then says nothing about now. */
  #era = 0;
  #lastAnswer = -Infinity;
  /** Whether it is, is being found out. */
  #suspected = false;
  #cancelAttempt = () => {};
  #closed = false;
  readonly #writes = new WriteOrder();

  private constructor(
    private readonly remote: RemoteSource,
    private readonly options: RemoteStoreOptions,
  ) {
    this.source = remote.source;
    this.writable = remote.writable;
    this.#seats = new Seats(remote.parallel, MOST_WAITING);
  }

  /** Resolves with a store that is down, and goes on trying, where the source does not answer. */
  static async open(
    remote: RemoteSource,
    options: RemoteStoreOptions,
  ): Promise<RemoteStore> {
    const store = new RemoteStore(remote, options);
    const patience = Math.min(options.timeout(), LONGEST_OPENING);
    const problem = await store.#check(patience);
    if (problem === null) store.#problem = null;
    else {
      store.#tellDown(problem);
      store.#tryAgain(FIRST_PAUSE);
    }
    return store;
  }

  get(identifier: string): Promise<string | null> {
    return this.#request(
      "get",
      (signal) => this.remote.get(identifier, signal),
      { again: true },
    );
  }

  getMany(
    identifiers: readonly string[],
  ): Promise<readonly (string | null)[]> {
    if (identifiers.length === 0) return Promise.resolve([]);
    return this.#request(
      "get",
      (signal) => this.remote.getMany(identifiers, signal),
      { again: true, size: identifiers.length },
    );
  }

  set(identifier: string, destination: string): Promise<void> {
    return this.write(new Map([[identifier, destination]]));
  }

  delete(identifier: string): Promise<boolean> {
    return this.#write(
      "delete",
      [identifier],
      (signal) => this.remote.delete(identifier, signal),
    );
  }

  async write(changes: MappingChanges): Promise<void> {
    for (const [identifier, destination] of changes) {
      const wrong = this.unstorable(identifier) ??
        (destination === null
          ? null
          : unreadableWord("destination", destination));
      if (wrong !== null) throw new StoreError("unstorable", wrong);
    }
    if (changes.size === 0) return;
    await this.#write(
      "write",
      [...changes.keys()],
      (signal) => this.remote.write(changes, signal),
    );
  }

  list(after: string | null, limit: number): Promise<MappingPage> {
    return this.#request(
      "list",
      (signal) => this.remote.list(after, limit, signal),
      { again: true },
    );
  }

  unstorable(identifier: string): string | null {
    return unreadableWord("identifier", identifier) ??
      this.remote.unstorable?.(identifier) ?? null;
  }

  /** Nothing is held in memory. Throws StoreError when the source does not answer. */
  async reload(): Promise<void> {
    const problem = this.#problem ?? await this.#check(this.options.timeout());
    if (problem !== null) throw cannotBeAsked(problem);
  }

  health(): StoreHealth {
    return {
      serving: this.#problem === null,
      problem: this.#problem ?? this.remote.problem ?? null,
    };
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#cancelAttempt();
    await Promise.allSettled(this.#writes.pending);
    this.#problem = "it is closed";
    this.#seats.clear(cannotBeAsked(this.#problem));
    await this.remote.close();
  }

  /** What one identifier is given takes effect in order, though requests overtake each other. */
  #write<T>(
    operation: StoreOperation,
    identifiers: readonly string[],
    run: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const size = identifiers.length;
    return this.#writes.run(
      identifiers,
      () => this.#request(operation, run, { size }),
    );
  }

  /** `again`: a broken connection is tried once more, on another one. */
  async #request<T>(
    operation: StoreOperation,
    run: (signal: AbortSignal) => Promise<T>,
    { size = 1, again = false },
  ): Promise<T> {
    const { clock, events, timeout } = this.options;
    const limit = timeout() * Math.ceil(size / SIZE_A_TIMEOUT);
    const deadline = new AbortController();
    const cancel = clock.after(limit, () => deadline.abort(late(limit)));
    const { signal } = deadline;
    const attempt = (isLast: boolean) =>
      this.#attempt(operation, run, signal, isLast);
    try {
      if (!again) return await attempt(true);
      return await attempt(false).catch((error) => {
        if (signal.aborted || !isUnavailable(error)) throw error;
        return attempt(true);
      });
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      const isLate = error === signal.reason;
      const reason = isLate ? "timeout" : failureOf(error);
      events.failed(operation, reason);
      throw error;
    } finally {
      cancel();
    }
  }

  async #attempt<T>(
    operation: StoreOperation,
    run: (signal: AbortSignal) => Promise<T>,
    signal: AbortSignal,
    isLast: boolean,
  ): Promise<T> {
    if (this.#problem !== null) throw cannotBeAsked(this.#problem);
    const { clock, events } = this.options;
    const leave = await this.#seats.take(signal);
    const era = this.#era;
    const sent = clock.now();
    const running = run(signal).finally(leave);
    try {
      const answer = await orAborted(running, signal);
      this.#lastAnswer = clock.now();
      events.answered(operation, this.#lastAnswer - sent);
      return answer;
    } catch (error) {
      // What was under way when it went down says nothing about now.
      if (era === this.#era && error instanceof StoreError) {
        const isDown = signal.aborted
          ? this.#lastAnswer <= sent
          : isLast && isUnavailable(error);
        // A write may wait for somebody else's lock, and one of several servers may be away alone.
        const isAlone = this.remote.isPartial ||
          signal.aborted && operation !== "get";
        if (isDown && isAlone) this.#suspect();
        else if (isDown) this.#goDown(error.message);
        else if (!isUnavailable(error)) this.#lastAnswer = clock.now();
      }
      throw error;
    }
  }

  /** Down only if lookups are not answered either. */
  #suspect(): void {
    if (this.#suspected) return;
    this.#suspected = true;
    const era = this.#era;
    void this.#check(this.options.timeout()).then((found) => {
      this.#suspected = false;
      if (found === null || this.#closed || era !== this.#era) return;
      this.#goDown(found);
    });
  }

  #goDown(problem: string): void {
    this.#era++;
    this.#tellDown(problem);
    this.remote.drop();
    this.#seats.clear(cannotBeAsked(problem));
    this.#tryAgain(0);
  }

  #tellDown(problem: string): void {
    if (problem === this.#problem) return;
    this.#problem = problem;
    this.options.events.down(problem);
  }

  #tryAgain(pause: number): void {
    if (this.#closed) return;
    const attempt = async () => {
      const problem = await this.#check(this.options.timeout());
      if (this.#closed) return;
      if (problem !== null) {
        this.#tellDown(problem);
        const longer = Math.max(pause * 2, FIRST_PAUSE);
        return this.#tryAgain(Math.min(longer, LONGEST_PAUSE));
      }
      this.#problem = null;
      this.options.events.up();
    };
    this.#cancelAttempt = this.options.clock.after(pause, () => void attempt());
  }

  /** What is wrong, or null. */
  async #check(limit: number): Promise<string | null> {
    const { clock } = this.options;
    const deadline = new AbortController();
    const cancel = clock.after(limit, () => deadline.abort(late(limit)));
    try {
      await orAborted(this.remote.check(deadline.signal), deadline.signal);
      this.#lastAnswer = clock.now();
      return null;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    } finally {
      cancel();
    }
  }
}

/** Made only where it is thrown: its stack costs more than a lookup. */
function late(limit: number): StoreError {
  return new StoreError("unavailable", `no answer within ${limit} ms`);
}

function cannotBeAsked(problem: string): StoreError {
  return new StoreError("unavailable", problem);
}

function isUnavailable(error: unknown): boolean {
  return error instanceof StoreError && error.code === "unavailable";
}

/** Whatever becomes of what is aborted, nobody waits for it; its failure is nobody's. */
async function orAborted<T>(
  running: Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  running.catch(() => {});
  signal.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([running, aborted]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
