/** More, and a table of millions would be slower; fewer, and growing one of them would be felt. */
const SHARDS = 256;

/**
 * A map from strings for very many entries: when a Map of a million grows, everything stands still for
 * tens of milliseconds, and one takes no more than 2^24. Entries come shard by shard, in no order.
 */
export class ShardedMap<V> implements ReadonlyMap<string, V> {
  readonly #shards = Array.from({ length: SHARDS }, () => new Map<string, V>());
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(key: string): V | undefined {
    return this.#shard(key).get(key);
  }

  has(key: string): boolean {
    return this.#shard(key).has(key);
  }

  set(key: string, value: V): this {
    const shard = this.#shard(key);
    const before = shard.size;
    shard.set(key, value);
    this.#size += shard.size - before;
    return this;
  }

  delete(key: string): boolean {
    const had = this.#shard(key).delete(key);
    if (had) this.#size--;
    return had;
  }

  *entries(): MapIterator<[string, V]> {
    for (const shard of this.#shards) yield* shard;
  }

  *keys(): MapIterator<string> {
    for (const shard of this.#shards) yield* shard.keys();
  }

  *values(): MapIterator<V> {
    for (const shard of this.#shards) yield* shard.values();
  }

  [Symbol.iterator](): MapIterator<[string, V]> {
    return this.entries();
  }

  forEach(
    run: (value: V, key: string, map: ReadonlyMap<string, V>) => void,
  ): void {
    for (const [key, value] of this) run(value, key, this);
  }

  #shard(key: string): Map<string, V> {
    let hash = key.length;
    for (let i = 0; i < key.length; i++) {
      hash = (hash * 31 + key.charCodeAt(i)) | 0;
    }
    return this.#shards[(hash ^ hash >>> 16) & (SHARDS - 1)]!;
  }
}
