import type { Clock } from "../observe/clock.ts";
import { type CachedRoute, RouteCache } from "./cache.ts";

/** For how long an answer made up while the store cannot be asked is kept (spec section 10), ms. */
const TRANSIENT_TTL = 5000;

/** What of the configuration the routing of accounts needs. Durations in ms. */
export interface ResolverSettings {
  readonly defaultDestination: string;
  readonly onStoreFailure: "default" | "refuse";
  readonly positiveTtl: number;
  readonly negativeTtl: number;
  readonly lookupTimeout: number;
  readonly cacheMaxEntries: number;
  readonly isDeclared: (destination: string) => boolean;
}

/** What the resolver asks of a store. */
export interface LookupSource {
  get(identifier: string): Promise<string | null>;
}

export interface Resolution {
  readonly destination: string;
  /** No mapping, or one that cannot be used: the default destination was taken. */
  readonly isDefault: boolean;
  /** It was answered without asking the store. */
  readonly cached: boolean;
  /** For how long it holds, ms. */
  readonly ttl: number;
}

/** The account cannot be routed now. The text is for the operator. */
export interface Refused {
  readonly refused: string;
}

/** Told what the operator should know; called at most once for each lookup. */
export interface ResolverEvents {
  storeFailed(identifier: string, reason: string): void;
  undeclared(identifier: string, destination: string): void;
}

export interface ResolverStats {
  readonly hits: number;
  readonly misses: number;
  readonly entries: number;
}

/** A lookup under way. Those who want the same identifier wait for the same one. */
interface Flight {
  /** Grows when what the store is asked now may be outdated: older attempts are ignored. */
  attempt: number;
  cancelTimeout: () => void;
  readonly outcome: Promise<Resolution | Refused>;
  readonly settle: (outcome: Resolution | Refused) => void;
}

/**
 * From an identifier to its destination: the cache, then the store. An answer that was read before
 * an invalidation never comes out after it: the lookup under way is begun anew.
 */
export class Resolver {
  #cache: RouteCache;
  #flights = new Map<string, Flight>();
  /** Lookups wait for all of these. */
  readonly #suspensions = new Set<Promise<void>>();
  /** What was answered while the store could not be asked, and until when, oldest first. */
  #transient = new Map<string, number>();
  #hits = 0;
  #misses = 0;

  constructor(
    private store: LookupSource,
    private settings: ResolverSettings,
    private readonly events: ResolverEvents,
    private readonly clock: Clock,
  ) {
    this.#cache = new RouteCache(settings.cacheMaxEntries);
  }

  /** Other settings, and another store where that changed too; then nothing known counts any more. */
  configure(settings: ResolverSettings, store: LookupSource): void {
    this.settings = settings;
    this.#cache.maxEntries = settings.cacheMaxEntries;
    if (store !== this.store) {
      this.store = store;
      this.invalidate(null);
    }
  }

  /** A cached answer comes at once, another one as a promise; neither ever throws. */
  resolve(
    identifier: string,
  ): Resolution | Refused | Promise<Resolution | Refused> {
    if (this.#suspensions.size > 0) {
      return Promise.all(this.#suspensions).then(() =>
        this.resolve(identifier)
      );
    }
    const known = this.#cache.get(identifier);
    if (known !== undefined && known.expires > this.clock.now()) {
      this.#hits++;
      return this.#answer(known, true);
    }
    this.#misses++;
    return (this.#flights.get(identifier) ?? this.#start(identifier)).outcome;
  }

  /** What is cached for the identifier now, without counting as a use; null: nothing that holds. */
  peekCached(identifier: string): Resolution | Refused | null {
    const known = this.#cache.peek(identifier);
    if (known === undefined || known.expires <= this.clock.now()) return null;
    return this.#answer(known, true);
  }

  /** Forget one identifier, or all (null): last known answers too. */
  invalidate(identifier: string | null): void {
    if (identifier === null) this.#cache.clear();
    else this.#cache.delete(identifier);
    this.#beginAnew(identifier);
  }

  /** Ask the store again about one identifier, or all (null); until it answers, what was known is known. */
  outdate(identifier: string | null): void {
    this.#cache.outdate(identifier);
    this.#beginAnew(identifier);
  }

  /** The store answers again: what was said in its place is over. */
  storeIsBack(): void {
    for (const identifier of this.#transient.keys()) {
      this.#cache.outdate(identifier);
    }
    this.#transient.clear();
  }

  /**
   * From now on lookups wait, cached or not, until the answer is called: what many accounts are mapped to
   * changes meanwhile. Those that are under way may still be answered by what was there before.
   */
  suspend(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#suspensions.add(promise);
    return () => {
      this.#suspensions.delete(promise);
      resolve();
    };
  }

  stats(): ResolverStats {
    return {
      hits: this.#hits,
      misses: this.#misses,
      entries: this.#cache.size,
    };
  }

  #beginAnew(identifier: string | null): void {
    if (identifier === null) {
      for (const [each, flight] of this.#flights) this.#attempt(each, flight);
      return;
    }
    const flight = this.#flights.get(identifier);
    if (flight) this.#attempt(identifier, flight);
  }

  #start(identifier: string): Flight {
    const { promise, resolve } = Promise.withResolvers<Resolution | Refused>();
    const flight: Flight = {
      attempt: 0,
      cancelTimeout: () => {},
      outcome: promise,
      settle: resolve,
    };
    this.#flights.set(identifier, flight);
    this.#attempt(identifier, flight);
    return flight;
  }

  #attempt(identifier: string, flight: Flight): void {
    const attempt = ++flight.attempt;
    const settle = (route: CachedRoute) => {
      if (flight.attempt !== attempt) return;
      flight.attempt++;
      flight.cancelTimeout();
      this.#flights.delete(identifier);
      this.#cache.set(identifier, route);
      flight.settle(this.#answer(route, false));
    };
    const fail = (reason: string) => {
      if (flight.attempt !== attempt) return;
      this.events.storeFailed(identifier, reason);
      const destination = this.#cache.peek(identifier)?.destination;
      settle({ destination, expires: this.#transientUntil(identifier) });
    };
    flight.cancelTimeout();
    const { lookupTimeout } = this.settings;
    flight.cancelTimeout = this.clock.after(
      lookupTimeout,
      () => fail(`no answer within ${lookupTimeout} ms`),
    );
    this.#ask(identifier).then(
      (destination) => {
        if (flight.attempt !== attempt) return;
        this.#transient.delete(identifier);
        settle(this.#judge(identifier, destination));
      },
      (error) => fail(error instanceof Error ? error.message : String(error)),
    );
  }

  #transientUntil(identifier: string): number {
    const now = this.clock.now();
    for (const [each, until] of this.#transient) {
      if (until > now) break;
      this.#transient.delete(each);
    }
    const until = now + TRANSIENT_TTL;
    this.#transient.delete(identifier);
    this.#transient.set(identifier, until);
    return until;
  }

  /** A store that throws instead of rejecting fails the lookup, not the caller. */
  async #ask(identifier: string): Promise<string | null> {
    return await this.store.get(identifier);
  }

  #judge(identifier: string, destination: string | null): CachedRoute {
    const { positiveTtl, negativeTtl, isDeclared } = this.settings;
    const now = this.clock.now();
    if (destination === null || destination === "") {
      return { destination: null, expires: now + negativeTtl };
    }
    if (isDeclared(destination)) {
      return { destination, expires: now + positiveTtl };
    }
    this.events.undeclared(identifier, destination);
    return { destination, expires: now + negativeTtl };
  }

  /** Judged anew each time, so that a reload which declares or drops a destination counts at once. */
  #answer(route: CachedRoute, cached: boolean): Resolution | Refused {
    const { settings } = this;
    const { destination } = route;
    if (destination === undefined && settings.onStoreFailure === "refuse") {
      return { refused: "the mapping store cannot be asked" };
    }
    const ttl = Math.max(0, route.expires - this.clock.now());
    if (destination != null && settings.isDeclared(destination)) {
      return { destination, isDefault: false, cached, ttl };
    }
    return {
      destination: settings.defaultDestination,
      isDefault: true,
      cached,
      ttl,
    };
  }
}
