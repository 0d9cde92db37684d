import { parseRedisUrl } from "../../config/redis_url.ts";
import type { RemoteSource } from "../remote/source.ts";
import { type MappingChanges, type MappingPage, StoreError } from "../store.ts";
import type { RedisClient } from "./client.ts";
import {
  isReadOnly,
  listFailure,
  lost,
  readFailure,
  writeFailure,
} from "./errors.ts";
import { readPlace } from "./keys.ts";
import { Cluster } from "ioredis";
import { RedisPool } from "./pool.ts";
import { walk } from "./walk.ts";

export interface RedisSourceOptions {
  readonly url: string;
  readonly prefix: string;
  readonly poolSize: number;
  /** PEM of the authorities that a server is verified with. */
  readonly trustRoots: () => readonly string[];
}

/** Names that no account has, enough of them for each node of a cluster to be asked for one. */
const NOBODY_ANYWHERE = Array.from({ length: 32 }, (_, i) => " ".repeat(i));

/** Commands of a client are answered in order, without waiting for each other. */
const PIPELINED = 64;

/** Mappings in Redis: the key of an account is the prefix and its identifier, the value its destination. */
export class RedisSource implements RemoteSource {
  readonly source = "redis";
  readonly writable = true;
  readonly parallel: number;
  readonly isPartial: boolean;
  readonly #pool: RedisPool;
  readonly #prefix: string;
  readonly #hasSentinel: boolean;

  /** Throws RedisUrlFault, which validation of a configuration has excluded. */
  constructor({ url, prefix, poolSize, trustRoots }: RedisSourceOptions) {
    const address = parseRedisUrl(url);
    this.#pool = new RedisPool({ address, size: poolSize, trustRoots });
    this.#prefix = prefix;
    this.#hasSentinel = address.sentinel !== undefined;
    this.parallel = poolSize * PIPELINED;
    this.isPartial = address.isCluster;
  }

  get(identifier: string, signal: AbortSignal): Promise<string | null> {
    return this.#read(signal, (client) => client.get(this.#key(identifier)));
  }

  getMany(
    identifiers: readonly string[],
    signal: AbortSignal,
  ): Promise<(string | null)[]> {
    return this.#read(signal, async (client) => {
      const keys = identifiers.map((each) => this.#key(each));
      if (client instanceof Cluster) {
        return await Promise.all(keys.map((key) => client.get(key)));
      }
      const pipeline = client.pipeline();
      for (const key of keys) pipeline.get(key);
      const results = await pipeline.exec();
      refuseAny(results);
      return (results ?? []).map(([, found]) => found as string | null);
    });
  }

  async delete(identifier: string, signal: AbortSignal): Promise<boolean> {
    const removed = await this.#write(
      signal,
      (client) => client.del(this.#key(identifier)),
    );
    return removed > 0;
  }

  /** All or none; of a cluster, whose nodes know nothing of each other, some where one of them fails. */
  async write(changes: MappingChanges, signal: AbortSignal): Promise<void> {
    await this.#write(signal, async (client) => {
      if (changes.size === 1 || client instanceof Cluster) {
        await Promise.all([...changes].map(([identifier, destination]) => {
          const key = this.#key(identifier);
          return destination === null
            ? client.del(key)
            : client.set(key, destination);
        }));
        return;
      }
      const multi = client.multi();
      for (const [identifier, destination] of changes) {
        const key = this.#key(identifier);
        if (destination === null) multi.del(key);
        else multi.set(key, destination);
      }
      refuseAny(await multi.exec().catch(rethrowFirst));
    });
  }

  async list(
    after: string | null,
    limit: number,
    signal: AbortSignal,
  ): Promise<MappingPage> {
    const place = after === null ? null : readPlace(after);
    if (after !== null && place === null) {
      throw new StoreError("conflict", "there is no such place in the listing");
    }
    return await this.#read(
      signal,
      (client) => walk(client, this.#prefix, place, limit),
      listFailure,
    );
  }

  /** Looks up accounts that there are none of, with all rights and limits of a lookup. */
  async check(signal: AbortSignal): Promise<void> {
    const nobody = this.isPartial ? NOBODY_ANYWHERE : [""];
    try {
      await Promise.any(nobody.map((each) => this.get(each, signal)));
    } catch (error) {
      const { errors } = error as AggregateError;
      if (!errors.some((each) => each.code === "bad-data")) throw errors[0];
    }
  }

  drop(): void {
    this.#pool.drop();
  }

  close(): Promise<void> {
    return this.#pool.close();
  }

  #key(identifier: string): string {
    return this.#prefix + identifier;
  }

  async #read<T>(
    signal: AbortSignal,
    ask: (client: RedisClient) => Promise<T>,
    failure = readFailure,
  ): Promise<T> {
    try {
      return await this.#pool.run(signal, ask);
    } catch (error) {
      throw failure(error);
    }
  }

  async #write<T>(
    signal: AbortSignal,
    ask: (client: RedisClient) => Promise<T>,
  ): Promise<T> {
    try {
      return await this.#pool.run(signal, ask);
    } catch (error) {
      // The Sentinels have made another server the master: it is found by connecting anew.
      if (this.#hasSentinel && isReadOnly(error)) throw lost(error);
      throw writeFailure(error);
    }
  }
}

type Results = readonly [error: Error | null, result: unknown][] | null;

/** The first failure among commands that were carried out. */
function refuseAny(results: Results): void {
  for (const [error] of results ?? []) {
    if (error) throw error;
  }
}

/** A transaction that was called off says which command was refused. */
function rethrowFirst(error: unknown): never {
  const { previousErrors } = error as { previousErrors?: readonly Error[] };
  throw previousErrors?.[0] ?? error;
}
