import type { Config } from "../config/schema.ts";
import type { Clock } from "../observe/clock.ts";
import { FileStore } from "./file.ts";
import type { RemoteEvents } from "./remote/source.ts";
import type { MappingStore } from "./store.ts";

/** What stores ask of the program around them; functions, because the configuration changes beneath them. */
export interface StoreSurroundings {
  readonly normalize: (identifier: string) => string;
  /** What is wrong with a destination that the source names, or null. */
  readonly checkDestination: (destination: string) => string | null;
  /** Told what is odd in a source that is served all the same. */
  readonly warn: (message: string) => void;
  /** `[mapping] lookup_timeout`, ms. */
  readonly lookupTimeout: () => number;
  /** PEM of the authorities that this host trusts; the runtime itself trusts none. */
  readonly trustRoots: () => readonly string[];
  readonly events: RemoteEvents;
  readonly clock: Clock;
}

/** What a store in another program asks. */
export type RemoteSurroundings = Pick<
  StoreSurroundings,
  "warn" | "lookupTimeout" | "trustRoots" | "events" | "clock"
>;

/**
 * Open the store of a configuration. One in another program is loaded only where it is used, and opens
 * whether it can be reached or not: its health says so. Throws StoreError for a file that cannot be read.
 */
export function openMappingStore(
  mapping: Config["mapping"],
  around: StoreSurroundings,
): Promise<MappingStore> {
  const { source, file } = mapping;
  return source === "file"
    ? FileStore.open({ ...around, path: file!.path })
    : openRemoteStore(mapping, around);
}

/** The same for one in another program. */
export function openRemoteStore(
  { source, redis, sql }: Config["mapping"],
  around: RemoteSurroundings,
): Promise<MappingStore> {
  return source === "redis" ? openRedis(redis!, around) : openSql(sql!, around);
}

async function openRedis(
  { url, key_prefix: prefix, pool_size: poolSize }: NonNullable<
    Config["mapping"]["redis"]
  >,
  { lookupTimeout: timeout, trustRoots, events, clock }: RemoteSurroundings,
): Promise<MappingStore> {
  const { RedisSource } = await import("./redis/source.ts");
  const { RemoteStore } = await import("./remote/store.ts");
  const source = new RedisSource({ url, prefix, poolSize, trustRoots });
  return await RemoteStore.open(source, { timeout, events, clock });
}

async function openSql(
  { url, pool_size: poolSize, ...queries }: NonNullable<
    Config["mapping"]["sql"]
  >,
  { lookupTimeout: timeout, trustRoots, warn, events, clock }:
    RemoteSurroundings,
): Promise<MappingStore> {
  const { openSqlSource } = await import("./sql/open.ts");
  const { RemoteStore } = await import("./remote/store.ts");
  const options = { url, queries, poolSize, timeout, trustRoots, warn };
  const source = await openSqlSource(options);
  return await RemoteStore.open(source, { timeout, events, clock });
}
