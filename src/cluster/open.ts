import { parseRedisUrl } from "../config/redis_url.ts";
import type { ClusterConfig } from "../config/schema.ts";
import { parseSqlUrl, type SqlServerAddress } from "../config/sql_url.ts";
import type { BusTransport } from "./transport.ts";

/** The rules of the configuration have seen the address already. The library is loaded where it is used. */
export async function openTransport(
  { bus, url }: ClusterConfig,
  trustRoots: () => readonly string[],
): Promise<BusTransport> {
  if (bus === "redis") {
    const { RedisTransport } = await import("./redis_transport.ts");
    return new RedisTransport(parseRedisUrl(url), trustRoots);
  }
  const { PostgresTransport } = await import("./postgres_transport.ts");
  return new PostgresTransport(
    parseSqlUrl(url) as SqlServerAddress,
    trustRoots,
  );
}
