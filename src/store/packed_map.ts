import { mergeRuns } from "./sorting.ts";
import { Turns } from "./turns.ts";

/** As many entries are in a shard where a map has as many as were expected: few enough to be sorted at once. */
const ENTRIES_A_SHARD = 1024;

/** For maps of which nobody knows how large they will be. */
const MANY = 1_000_000;

/**
 * A map from strings to a few values (each is held once), for very many entries. The keys are in arrays of
 * numbers: a million strings would have to be walked through by each collection of V8's heap, which holds
 * everybody else up. In shards, so that nothing is large that grows at once. Entries come shard by shard, in
 * no order, and cannot be taken out again.
 */
export class PackedMap<V> implements ReadonlyMap<string, V> {
  readonly #shards: (Shard | undefined)[];
  readonly #values: V[] = [];
  readonly #numbers = new Map<V, number>();
  #size = 0;

  constructor(expected = MANY) {
    const bits = Math.ceil(Math.log2(Math.max(1, expected / ENTRIES_A_SHARD)));
    this.#shards = new Array(2 ** bits).fill(undefined);
  }

  get size(): number {
    return this.#size;
  }

  get(key: string): V | undefined {
    const hash = hashOf(key);
    const shard = this.#shards[this.#place(hash)];
    const at = shard?.find(key, hash) ?? -1;
    return at < 0 ? undefined : this.#values[shard!.values[at]!];
  }

  has(key: string): boolean {
    const hash = hashOf(key);
    return (this.#shards[this.#place(hash)]?.find(key, hash) ?? -1) >= 0;
  }

  set(key: string, value: V): this {
    let number = this.#numbers.get(value);
    if (number === undefined) {
      number = this.#values.push(value) - 1;
      this.#numbers.set(value, number);
    }
    const hash = hashOf(key);
    const shard = this.#shards[this.#place(hash)] ??= new Shard();
    if (shard.set(key, hash, number)) this.#size++;
    return this;
  }

  *entries(): MapIterator<[string, V]> {
    for (const shard of this.#shards) {
      if (shard) yield* this.#entriesOf(shard);
    }
  }

  *keys(): MapIterator<string> {
    for (const [key] of this) yield key;
  }

  *values(): MapIterator<V> {
    for (const [, value] of this) yield value;
  }

  [Symbol.iterator](): MapIterator<[string, V]> {
    return this.entries();
  }

  forEach(
    run: (value: V, key: string, map: ReadonlyMap<string, V>) => void,
  ): void {
    for (const [key, value] of this) run(value, key, this);
  }

  /** The entries in ascending order of their keys; prepared in turns. No key may be added meanwhile. */
  async sorted(): Promise<IterableIterator<[string, V]>> {
    const turns = new Turns();
    const runs: Iterator<[string, V]>[] = [];
    for (const shard of this.#shards) {
      if (!shard) continue;
      runs.push(this.#entriesOf(shard, shard.order()));
      await turns.look();
    }
    return mergeRuns(runs);
  }

  *#entriesOf(shard: Shard, order?: Uint32Array): MapIterator<[string, V]> {
    for (let i = 0; i < shard.size; i++) {
      const at = order ? order[i]! : i;
      yield [shard.key(at), this.#values[shard.values[at]!]!];
    }
  }

  #place(hash: number): number {
    return hash & (this.#shards.length - 1);
  }
}

/** Bits of the hash that tell entries of one shard apart. */
const SLOT_SHIFT = 12;

/** Entries in the order in which they came, found by an open hash table. */
class Shard {
  size = 0;
  /** The number of the value of each entry. */
  values = new Uint32Array(8);
  #hashes = new Int32Array(8);
  /** Where the key of each entry ends among the characters. */
  #ends = new Uint32Array(8);
  #chars = new Uint16Array(128);
  /** The entry, counted from one; 0: free. */
  #slots = new Uint32Array(16);

  /** The entry of this key, or -1. */
  find(key: string, hash: number): number {
    const mask = this.#slots.length - 1;
    for (let slot = hash >>> SLOT_SHIFT;; slot++) {
      const at = this.#slots[slot & mask]! - 1;
      if (at < 0 || this.#hashes[at] === hash && this.#is(at, key)) return at;
    }
  }

  /** True where the key is new. */
  set(key: string, hash: number, value: number): boolean {
    const known = this.find(key, hash);
    if (known >= 0) {
      this.values[known] = value;
      return false;
    }
    if (this.size === this.values.length) this.#grow();
    const at = this.size++;
    const start = this.#start(at);
    const end = start + key.length;
    if (end > this.#chars.length) {
      this.#chars = grown(this.#chars, Math.max(end, this.#chars.length * 2));
    }
    for (let i = 0; i < key.length; i++) {
      this.#chars[start + i] = key.charCodeAt(i);
    }
    this.#ends[at] = end;
    this.#hashes[at] = hash;
    this.values[at] = value;
    this.#enter(at);
    return true;
  }

  key(at: number): string {
    const chars = this.#chars.subarray(this.#start(at), this.#ends[at]);
    return String.fromCharCode.apply(null, chars as unknown as number[]);
  }

  /** The entries in ascending order of their keys. */
  order(): Uint32Array {
    const keys = Array.from({ length: this.size }, (_, at) => this.key(at));
    return Uint32Array.from(keys.keys()).sort((a, b) =>
      keys[a]! < keys[b]! ? -1 : 1
    );
  }

  #start(at: number): number {
    return at === 0 ? 0 : this.#ends[at - 1]!;
  }

  #is(at: number, key: string): boolean {
    const start = this.#start(at);
    if (this.#ends[at]! - start !== key.length) return false;
    for (let i = 0; i < key.length; i++) {
      if (this.#chars[start + i] !== key.charCodeAt(i)) return false;
    }
    return true;
  }

  #grow(): void {
    const room = this.size * 2;
    this.values = grown(this.values, room);
    this.#ends = grown(this.#ends, room);
    this.#hashes = grown(this.#hashes, room);
    this.#slots = new Uint32Array(room * 2);
    for (let at = 0; at < this.size; at++) this.#enter(at);
  }

  #enter(at: number): void {
    const mask = this.#slots.length - 1;
    let slot = this.#hashes[at]! >>> SLOT_SHIFT;
    while (this.#slots[slot & mask] !== 0) slot++;
    this.#slots[slot & mask] = at + 1;
  }
}

function grown<T extends Uint16Array | Uint32Array | Int32Array>(
  old: T,
  room: number,
): T {
  const more = new (old.constructor as new (room: number) => T)(room);
  more.set(old);
  return more;
}

function hashOf(key: string): number {
  let hash = key.length;
  for (let i = 0; i < key.length; i++) {
    hash = (hash * 31 + key.charCodeAt(i)) | 0;
  }
  hash = Math.imul(hash ^ hash >>> 16, 0x45d9f3b);
  return hash ^ hash >>> 16;
}
