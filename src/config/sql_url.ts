/** `[mapping.sql] url` taken apart. */

/** How a server's certificate is looked at, in the words of PostgreSQL. */
export type SqlTls =
  | "disable"
  | "prefer"
  | "require"
  | "verify-ca"
  | "verify-full";

export interface SqlServerAddress {
  readonly kind: "postgres" | "mysql";
  readonly target:
    | { readonly host: string; readonly port: number }
    | { readonly path: string };
  /** "" where the address has none. */
  readonly user: string;
  readonly password: string;
  readonly database: string;
  readonly tls: SqlTls;
  /** PEM file of the authorities that count in place of the host's, or null. */
  readonly caFile: string | null;
  /** Parameters that have no meaning here. */
  readonly unknown: readonly string[];
}

export interface SqliteAddress {
  readonly kind: "sqlite";
  readonly path: string;
  readonly readOnly: boolean;
  readonly unknown: readonly string[];
}

export type SqlAddress = SqlServerAddress | SqliteAddress;

/** The message says what would be right, and quotes nothing that could be a password. */
export class SqlUrlFault extends Error {
  override readonly name = "SqlUrlFault";
}

/** An address for a UNIX socket may have a user and no host, which the standard for addresses does not know. */
const NO_HOST = /^([a-z]+:\/\/(?:[^/?#]*@)?)(?=[:/?#]|$)/;

const PORTS = { postgres: 5432, mysql: 3306 };

/** The words of PostgreSQL and of MySQL; either database takes both. */
const TLS_WORDS: ReadonlyMap<string, SqlTls> = new Map([
  ["disable", "disable"],
  ["disabled", "disable"],
  ["allow", "prefer"],
  ["prefer", "prefer"],
  ["preferred", "prefer"],
  ["require", "require"],
  ["required", "require"],
  ["verify-ca", "verify-ca"],
  ["verify-full", "verify-full"],
  ["verify-identity", "verify-full"],
]);

/** Throws SqlUrlFault. */
export function parseSqlUrl(url: string): SqlAddress {
  const scheme = url.slice(0, url.indexOf("://"));
  switch (scheme) {
    case "postgres":
    case "postgresql":
      return server("postgres", url);
    case "mysql":
      return server("mysql", url);
    case "sqlite":
      return sqlite(url.slice("sqlite://".length));
    default:
      throw new SqlUrlFault("starts with no scheme of a database");
  }
}

function server(kind: "postgres" | "mysql", text: string): SqlServerAddress {
  let url: URL;
  try {
    url = new URL(text.replace(NO_HOST, "$1localhost"));
  } catch {
    throw new SqlUrlFault(
      "is no address: characters such as @, : and / in a user name or password are written as %40, %3A, %2F",
    );
  }
  let host = decoded(url.hostname.replace(/^\[(.*)\]$/, "$1"));
  let path: string | null = null;
  let tls: SqlTls = "prefer";
  let caFile: string | null = null;
  const port = url.port === "" ? PORTS[kind] : Number(url.port);
  const unknown: string[] = [];
  for (const [name, value] of url.searchParams) {
    switch (name.toLowerCase().replaceAll(/[_-]/g, "")) {
      case "sslmode": {
        const word = value.toLowerCase().replaceAll("_", "-");
        const known = TLS_WORDS.get(word);
        if (known === undefined) {
          throw new SqlUrlFault(
            `${name} is none of disable, prefer, require, verify-ca, verify-full`,
          );
        }
        tls = known;
        break;
      }
      case "sslrootcert":
      case "sslca":
        caFile = value;
        break;
      case "host":
        if (value.startsWith("/")) path = `${value}/.s.PGSQL.${port}`;
        else host = value;
        break;
      case "socket":
        path = value;
        break;
      default:
        unknown.push(name);
    }
  }
  return {
    kind,
    target: path === null ? { host, port } : { path },
    user: decoded(url.username),
    password: decoded(url.password),
    database: decoded(url.pathname.slice(1)),
    tls,
    caFile,
    unknown,
  };
}

function sqlite(rest: string): SqliteAddress {
  const mark = rest.indexOf("?");
  const path = decoded(mark < 0 ? rest : rest.slice(0, mark));
  if (path === "" || path.startsWith(":memory:")) {
    throw new SqlUrlFault("names no file: write sqlite:///path/of/the/file");
  }
  let readOnly = false;
  const unknown: string[] = [];
  const parameters = new URLSearchParams(mark < 0 ? "" : rest.slice(mark));
  for (const [name, value] of parameters) {
    if (name !== "mode") unknown.push(name);
    else if (value === "ro") readOnly = true;
    else if (value !== "rw" && value !== "rwc") {
      throw new SqlUrlFault("mode is neither ro nor rw");
    }
  }
  return { kind: "sqlite", path, readOnly, unknown };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new SqlUrlFault("has a % that is not followed by two hex digits");
  }
}
