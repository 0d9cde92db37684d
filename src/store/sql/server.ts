import { userInfo } from "node:os";
import type { SqlServerAddress } from "../../config/sql_url.ts";
import { ServerNotVerified, type ServerTrust } from "../../net/node_client.ts";
import { StoreError } from "../store.ts";
import { SqlFault } from "./connection.ts";

export interface SqlServerOptions {
  /** `[mapping.sql] pool_size`. */
  readonly poolSize: number;
  /** `[mapping] lookup_timeout`, ms. */
  readonly timeout: () => number;
  /** PEM of the authorities that this host trusts. */
  readonly trustRoots: () => readonly string[];
}

/** A database server, and what connections to it have in common. */
export interface SqlServer {
  readonly address: SqlServerAddress;
  readonly user: string;
  /** `[mapping.sql] pool_size`. */
  readonly poolSize: number;
  /** How its certificate is verified; null: no TLS. */
  readonly trust: ServerTrust | null;
  /** A server that offers no TLS is used without. */
  readonly clearAllowed: boolean;
  /** `[mapping] lookup_timeout`, ms. */
  readonly timeout: () => number;
}

/** Throws StoreError when the file of authorities cannot be read. */
export async function sqlServer(
  address: SqlServerAddress,
  { poolSize, timeout, trustRoots }: SqlServerOptions,
): Promise<SqlServer> {
  const { target, tls, caFile } = address;
  const clear = tls === "disable" || "path" in target;
  const verified = tls === "verify-ca" || tls === "verify-full";
  return {
    address,
    user: address.user || userInfo().username,
    poolSize,
    trust: clear ? null : {
      host: target.host,
      verification: tls === "verify-full"
        ? "full"
        : verified
        ? "authority"
        : "none",
      roots: !verified
        ? []
        : caFile === null
        ? trustRoots()
        : await readAuthorities(caFile),
    },
    clearAllowed: tls === "prefer",
    timeout,
  };
}

async function readAuthorities(path: string): Promise<string[]> {
  try {
    return [await Deno.readTextFile(path)];
  } catch (error) {
    throw new StoreError(
      "unavailable",
      `mapping.sql.url: ${path}: ${(error as Error).name}`,
    );
  }
}

/** A failed connection without more to say of it. */
export const BROKEN = "the connection broke";

const NETWORK: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  ECONNRESET: "the connection was reset",
  EPIPE: "the connection was closed",
  ENOTFOUND: "the host's name is not known",
  EAI_AGAIN: "the host's name cannot be looked up now",
  EHOSTUNREACH: "no route to the host",
  ENETUNREACH: "no route to the network",
  ETIMEDOUT: "the connection timed out",
  ENOENT: "the socket does not exist",
  EACCES: "no permission for the socket",
};

/** A failure below the database's own protocol. Messages of the runtime would name the address. */
export function connectionFault(error: unknown): SqlFault {
  if (error instanceof SqlFault) return error;
  if (error instanceof ServerNotVerified) {
    return new SqlFault(
      "login",
      `not logged in: the server's ${error.message}`,
    );
  }
  const { code } = error as { code?: unknown };
  if (typeof code === "string" && code in NETWORK) {
    return new SqlFault("connection", NETWORK[code]!);
  }
  return new SqlFault("connection", BROKEN);
}
