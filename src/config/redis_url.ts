/** Addresses of Redis: one server, a master that Sentinels know, or a cluster. */

export interface RedisHost {
  readonly host: string;
  readonly port: number;
}

interface Login {
  readonly username?: string;
  readonly password?: string;
}

export interface RedisAddress extends Login {
  /** The server; the Sentinels; or some nodes of the cluster. At least one. */
  readonly hosts: readonly RedisHost[];
  /** Towards all of them. */
  readonly tls: boolean;
  readonly database: number;
  /** The name that Sentinels know the master by, and how to log in to them. */
  readonly sentinel?: Login & { readonly master: string };
  readonly isCluster: boolean;
}

/** What is wrong with an address. The message never holds any of it: there may be a password inside. */
export class RedisUrlFault extends Error {
  override readonly name = "RedisUrlFault";
}

export const REDIS_SCHEMES = [
  "redis",
  "rediss",
  "redis+sentinel",
  "rediss+sentinel",
  "redis+cluster",
  "rediss+cluster",
] as const;

const FORM =
  /^(rediss?)(\+sentinel|\+cluster)?:\/\/(?:([^/?#]*)@)?([^/?#@]+)(\/[^?#]*)?(?:\?([^#]*))?$/;

const SENTINEL_LOGIN = ["sentinel_username", "sentinel_password"] as const;

/**
 * `redis://[user][:password]@host[:port][/database]`, with several hosts separated by commas and the
 * master's name in front of the database behind `redis+sentinel`, several hosts and no database behind
 * `redis+cluster`, and `rediss` for TLS. Throws RedisUrlFault.
 */
export function parseRedisUrl(url: string): RedisAddress {
  const [, scheme, kind, login, hosts, path = "", query] = FORM.exec(url) ?? [];
  if (scheme === undefined) {
    throw new RedisUrlFault(
      "is not an address of Redis: characters such as @ / ? # in a user or password are written as %40 %2F %3F %23",
    );
  }
  const isSentinel = kind === "+sentinel";
  const isCluster = kind === "+cluster";
  const parsed = hosts!.split(",").map((host) =>
    parseHost(host, isSentinel ? 26379 : 6379)
  );
  if (parsed.length > 1 && kind === undefined) {
    throw new RedisUrlFault(
      "names several hosts: only redis+sentinel and redis+cluster have more than one",
    );
  }
  const segments = path.split("/").slice(1).map(decoded);
  const master = isSentinel ? segments.shift() : undefined;
  if (isSentinel && !master) {
    throw new RedisUrlFault(
      "does not name the master: it is redis+sentinel://host,host/MASTER",
    );
  }
  const [database = ""] = segments;
  if (segments.length > 1 || !/^\d{0,5}$/.test(database)) {
    throw new RedisUrlFault("has a path that is not the number of a database");
  }
  if (isCluster && Number(database) !== 0) {
    throw new RedisUrlFault("names a database, and a cluster has only one");
  }
  const parameters = parseQuery(query, isSentinel);
  return {
    hosts: parsed,
    tls: scheme === "rediss",
    database: Number(database),
    ...loginOf(login ?? ""),
    ...master && {
      sentinel: {
        master,
        ...withLogin(
          parameters.get("sentinel_username") ?? "",
          parameters.get("sentinel_password") ?? "",
        ),
      },
    },
    isCluster,
  };
}

function parseHost(text: string, usual: number): RedisHost {
  const [, bracketed, name, port] =
    /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const host = bracketed ?? name;
  const number = port === undefined ? usual : Number(port);
  if (host === undefined || number < 1 || number > 65535) {
    throw new RedisUrlFault("has a host that is not `host` or `host:port`");
  }
  return { host, port: number };
}

function loginOf(text: string): Login {
  const colon = text.indexOf(":");
  return colon < 0
    ? withLogin(decoded(text), "")
    : withLogin(decoded(text.slice(0, colon)), decoded(text.slice(colon + 1)));
}

function withLogin(username: string, password: string): Login {
  if (username !== "" && password === "") {
    throw new RedisUrlFault(
      "has a user without a password: a password alone is written as :password@",
    );
  }
  return { ...username && { username }, ...password && { password } };
}

function parseQuery(query: string | undefined, isSentinel: boolean) {
  const parameters = new URLSearchParams(query);
  const known: readonly string[] = isSentinel ? SENTINEL_LOGIN : [];
  for (const name of parameters.keys()) {
    if (!known.includes(name)) {
      throw new RedisUrlFault("has a parameter that is not known here");
    }
  }
  return parameters;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new RedisUrlFault("has a % that is not followed by two digits");
  }
}
