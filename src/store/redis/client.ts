import type { RedisAddress, RedisHost } from "../../config/redis_url.ts";
import { CONNECT_MS } from "../remote/source.ts";
import { StoreError } from "../store.ts";
import { type Finder, SocketConnector } from "./connector.ts";
import { Cluster, Redis } from "ioredis";

/** To one server, or to all nodes of a cluster. */
export type RedisClient = Redis | Cluster;

/** One Sentinel, or node of a cluster, that hangs must not use up the time of those that follow it, ms. */
const NEXT_MS = 1000;

/** The connection to a node that says nothing for so long, ms, is given up with what it was asked. */
const SILENT_NODE_MS = 10_000;

/** A client that is not connected, and does not connect again by itself. */
export function makeClient(
  { hosts, sentinel, isCluster, tls, ...login }: RedisAddress,
  trustRoots: () => readonly string[],
): RedisClient {
  const roots = tls ? trustRoots() : null;
  if (isCluster) {
    return new Cluster([...hosts], {
      lazyConnect: true,
      clusterRetryStrategy: () => null,
      enableReadyCheck: false,
      slotsRefreshTimeout: NEXT_MS,
      // Names stay names, for certificates.
      dnsLookup: (name, done) => done(null, name),
      redisOptions: {
        ...connection(roots, undefined, CONNECT_MS),
        socketTimeout: SILENT_NODE_MS,
        username: login.username,
        password: login.password,
      },
    });
  }
  const [first] = hosts;
  return server(
    first!,
    roots,
    sentinel && ((signal) => findMaster(hosts, sentinel, roots, signal)),
  );
}

/** Logs in here rather than in the library, which prints what it thinks of a needless password. */
export async function connectClient(
  client: RedisClient,
  { database, ...login }: RedisAddress,
): Promise<void> {
  await client.connect();
  if (client instanceof Cluster) return;
  await Promise.all([
    logIn(client, login),
    database !== 0 && client.select(database),
  ]);
}

/** Each Sentinel in turn, until one knows the master. Throws what the last one failed with. */
async function findMaster(
  sentinels: readonly RedisHost[],
  sentinel: NonNullable<RedisAddress["sentinel"]>,
  roots: readonly string[] | null,
  signal: AbortSignal,
): Promise<RedisHost> {
  let failure: unknown;
  for (const host of sentinels) {
    signal.throwIfAborted();
    const client = server(host, roots);
    // What went wrong is thrown, too.
    client.on("error", () => {});
    const giveUp = setTimeout(() => client.disconnect(), NEXT_MS);
    try {
      await client.connect();
      await logIn(client, sentinel);
      const answer = await client.call(
        "SENTINEL",
        "get-master-addr-by-name",
        sentinel.master,
      );
      if (Array.isArray(answer)) {
        return { host: String(answer[0]), port: Number(answer[1]) };
      }
      failure = new StoreError(
        "unavailable",
        "the Sentinels know no master of that name",
      );
    } catch (error) {
      failure = error;
    } finally {
      clearTimeout(giveUp);
      client.disconnect();
    }
  }
  throw failure;
}

function server(
  target: RedisHost,
  roots: readonly string[] | null,
  find?: Finder,
): Redis {
  return new Redis({
    ...connection(roots, find),
    ...target,
    lazyConnect: true,
    retryStrategy: null,
    enableOfflineQueue: false,
  });
}

/** `limit`: how long connecting may take, ms, where nobody else watches it. */
function connection(
  roots: readonly string[] | null,
  find?: Finder,
  limit?: number,
) {
  return {
    Connector: class extends SocketConnector {
      /** The library gives it the options of its client. */
      constructor(options: unknown) {
        const { host, port } = options as RedisHost;
        super(find ?? (() => Promise.resolve({ host, port })), roots, limit);
      }
    },
    // The connector, or whoever wants a connection, has a limit of its own.
    connectTimeout: 0,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    enableReadyCheck: false,
    disableClientInfo: true,
    // What is used is the same in both versions, and older servers know nothing of the newer one.
    protocol: 2 as const,
  };
}

async function logIn(
  client: Redis,
  { username, password }: { username?: string; password?: string },
): Promise<void> {
  if (password === undefined) return;
  await (username === undefined
    ? client.auth(password)
    : client.auth(username, password));
}
