/** The cached routes of accounts, bounded by their number and forgotten least recently used first. */

/** What was last known of an identifier. */
export interface CachedRoute {
  /** The destination's name as the store gave it; null: the store has none; undefined: the store never answered. */
  readonly destination: string | null | undefined;
  /** Clock time until which it may be given out without asking the store. */
  readonly expires: number;
}

const NONE = -1;
const FIRST = 1024;
const NO_MAPPING = 0;
const NEVER_ANSWERED = 1;

/** A JavaScript Map takes no more than 2^24 entries. */
const MOST = 16_000_000;

/** A store gone mad could answer with a new destination each time; beyond this they count as none. */
const MOST_NAMES = 65_536;

/**
 * An entry costs its key, a Map slot and 28 bytes of typed arrays, because an object for each would
 * double the memory of a million. Entries that expired stay until they are the oldest: they are
 * the last known answer when the store cannot be reached.
 */
export class RouteCache {
  #slots = new Map<string, number>();
  #keys: string[] = [];
  #destination = new Uint32Array(FIRST);
  #expires = new Float64Array(FIRST);
  #newer = new Int32Array(FIRST);
  #older = new Int32Array(FIRST);
  #newest = NONE;
  #oldest = NONE;
  #free: number[] = [];
  #names: (string | null | undefined)[] = [null, undefined];
  #nameIndex = new Map<string, number>();
  #max: number;

  constructor(maxEntries: number) {
    this.#max = clampSize(maxEntries);
  }

  get size(): number {
    return this.#slots.size;
  }

  /** Shrinking drops the least recently used. */
  set maxEntries(count: number) {
    this.#max = clampSize(count);
    while (this.size > this.#max) this.#evict();
  }

  /** The entry, expired or not; it becomes the most recently used. */
  get(identifier: string): CachedRoute | undefined {
    const slot = this.#slots.get(identifier);
    if (slot === undefined) return undefined;
    this.#unlink(slot);
    this.#linkNewest(slot);
    return this.#read(slot);
  }

  /** The entry without counting as a use. */
  peek(identifier: string): CachedRoute | undefined {
    const slot = this.#slots.get(identifier);
    return slot === undefined ? undefined : this.#read(slot);
  }

  set(identifier: string, route: CachedRoute): void {
    let slot = this.#slots.get(identifier);
    if (slot === undefined) {
      if (this.size >= this.#max) this.#evict();
      slot = this.#free.pop() ?? this.#keys.length;
      if (slot === this.#expires.length) this.#grow();
      this.#keys[slot] = identifier;
      this.#slots.set(identifier, slot);
    } else {
      this.#unlink(slot);
    }
    this.#destination[slot] = this.#index(route.destination);
    this.#expires[slot] = route.expires;
    this.#linkNewest(slot);
  }

  delete(identifier: string): boolean {
    const slot = this.#slots.get(identifier);
    if (slot === undefined) return false;
    this.#drop(identifier, slot);
    return true;
  }

  /** It is the last known answer from now on, and no more; null: so are all. */
  outdate(identifier: string | null): void {
    if (identifier === null) {
      this.#expires.fill(-Infinity);
      return;
    }
    const slot = this.#slots.get(identifier);
    if (slot !== undefined) this.#expires[slot] = -Infinity;
  }

  clear(): void {
    this.#slots = new Map();
    this.#keys = [];
    this.#free = [];
    this.#newest = this.#oldest = NONE;
    this.#names = [null, undefined];
    this.#nameIndex.clear();
    this.#resize(FIRST);
  }

  #read(slot: number): CachedRoute {
    return {
      destination: this.#names[this.#destination[slot] as number],
      expires: this.#expires[slot] as number,
    };
  }

  #index(name: string | null | undefined): number {
    if (name === null) return NO_MAPPING;
    if (name === undefined) return NEVER_ANSWERED;
    let index = this.#nameIndex.get(name);
    if (index === undefined) {
      if (this.#names.length >= MOST_NAMES) return NO_MAPPING;
      index = this.#names.push(name) - 1;
      this.#nameIndex.set(name, index);
    }
    return index;
  }

  #evict(): void {
    this.#drop(this.#keys[this.#oldest] as string, this.#oldest);
  }

  #drop(identifier: string, slot: number): void {
    this.#slots.delete(identifier);
    this.#unlink(slot);
    this.#keys[slot] = "";
    this.#free.push(slot);
  }

  #linkNewest(slot: number): void {
    this.#older[slot] = this.#newest;
    this.#newer[slot] = NONE;
    if (this.#newest === NONE) this.#oldest = slot;
    else this.#newer[this.#newest] = slot;
    this.#newest = slot;
  }

  #unlink(slot: number): void {
    const newer = this.#newer[slot] as number;
    const older = this.#older[slot] as number;
    if (newer === NONE) this.#newest = older;
    else this.#older[newer] = older;
    if (older === NONE) this.#oldest = newer;
    else this.#newer[older] = newer;
  }

  #grow(): void {
    this.#resize(Math.min(this.#expires.length * 2, MOST));
  }

  #resize(slots: number): void {
    this.#destination = resized(new Uint32Array(slots), this.#destination);
    this.#expires = resized(new Float64Array(slots), this.#expires);
    this.#newer = resized(new Int32Array(slots), this.#newer);
    this.#older = resized(new Int32Array(slots), this.#older);
  }
}

function resized<T extends Uint32Array | Float64Array | Int32Array>(
  into: T,
  from: T,
): T {
  into.set(from.subarray(0, into.length));
  return into;
}

function clampSize(entries: number): number {
  return Math.min(Math.max(1, entries), MOST);
}
