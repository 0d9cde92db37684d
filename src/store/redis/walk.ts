import { type Mapping, type MappingPage, StoreError } from "../store.ts";
import { isAnswer } from "./errors.ts";
import { patternOf, type Place, writePlace } from "./keys.ts";
import type { RedisClient } from "./client.ts";
import { Cluster, type Redis } from "ioredis";

const BEGINNING = "0";

/** Keys that are looked at in one step; the server does nothing else meanwhile. */
const LARGEST_STEP = 1000;

/** A page ends after so many steps, found something or not: there may be millions of keys of others. */
const MOST_STEPS = 100;

/**
 * A page of all mappings, by SCAN: what is there all the while is listed, possibly twice; what comes or
 * goes meanwhile may be or not. A step of SCAN can find more than a page takes, so a page may end within
 * one; should the server reorganize its table between the two pages, what is left of that step may be
 * missed, which pages of a hundred and more are spared.
 */
export async function walk(
  client: RedisClient,
  prefix: string,
  from: Place | null,
  limit: number,
): Promise<MappingPage> {
  const nodes = nodesOf(client).filter(([name]) => name >= (from?.node ?? ""));
  const step = Math.min(Math.max(1, Math.floor(limit / 2)), LARGEST_STEP);
  const pattern = patternOf(prefix);
  const mappings: Mapping[] = [];
  let steps = 0;
  let place: Place | null = from;
  for (const [name, node] of nodes) {
    place = place?.node === name
      ? place
      : { node: name, cursor: BEGINNING, behind: null };
    for (;;) {
      const { cursor, behind }: Place = place;
      const room = limit - mappings.length;
      const isFull = mappings.length > 0 && room < step;
      if (isFull || steps++ >= MOST_STEPS) {
        return { mappings, next: writePlace(place) };
      }
      const [next, found]: [string, string[]] = await node.scan(
        cursor,
        "MATCH",
        pattern,
        "COUNT",
        step,
      );
      const keys = [...new Set(found)].sort()
        .filter((key) => behind === null || key > behind);
      if (keys.length > room) {
        if (mappings.length > 0) return { mappings, next: writePlace(place) };
        const cut = keys.slice(0, limit);
        return {
          mappings: await read(client, node, prefix, cut),
          next: writePlace({ ...place, behind: cut.at(-1)! }),
        };
      }
      mappings.push(...await read(client, node, prefix, keys));
      if (next === BEGINNING) break;
      place = { node: name, cursor: next, behind: null };
    }
  }
  return { mappings, next: null };
}

/** In an order that stays the same. Throws StoreError when one is missing, and some mappings with it. */
function nodesOf(client: RedisClient): [string, Redis][] {
  if (!(client instanceof Cluster)) return [["", client]];
  const nodes = new Map(
    client.nodes("master").map((node) => [
      `${node.options.host}:${node.options.port}`,
      node,
    ]),
  );
  for (const [master] of client.slots.filter(Boolean)) {
    if (master !== undefined && !nodes.has(master)) {
      throw new StoreError(
        "unavailable",
        "a node of the cluster cannot be reached",
      );
    }
  }
  return [...nodes].sort(([a], [b]) => a < b ? -1 : 1);
}

/** Keys that hold no string, or that are gone by now, are no mappings. */
async function read(
  client: RedisClient,
  node: Redis,
  prefix: string,
  keys: readonly string[],
): Promise<Mapping[]> {
  if (keys.length === 0) return [];
  const values = client instanceof Cluster
    ? await Promise.all(keys.map((key) => valueIn(client, key)))
    : await node.mget([...keys]);
  return keys.flatMap((key, i) => {
    const destination = values[i];
    return destination
      ? [{ identifier: key.slice(prefix.length), destination }]
      : [];
  });
}

/** A node answers for one slot at a time, and a slot may be on its way to another node. */
async function valueIn(client: Cluster, key: string): Promise<string | null> {
  try {
    return await client.get(key);
  } catch (error) {
    if (isAnswer(error) && error.message.startsWith("WRONGTYPE")) return null;
    throw error;
  }
}
