/** `[routing]`, `[mapping]` and its sources. */
import { z } from "zod";
import { REDIS_SCHEMES } from "./redis_url.ts";
import {
  duration,
  expected,
  filePath,
  key,
  LONGEST_TIMEOUT,
  oneOf,
  text,
  whole,
} from "./scalars.ts";

const YEAR = 365 * 86_400_000;

const destinationName = () =>
  text("the name of a destination", (value) => value.length > 0);

export const routingSchema = z.object({
  default_destination: key(destinationName(), {
    description: "Where accounts without a mapping go.",
  }),
  smtp_passthrough_destination: key(destinationName().optional(), {
    description: "Where smtp and lmtp listeners are bridged to.",
    unset:
      "required with an smtp or lmtp listener that does not route by recipient",
  }),
  recipient_delimiter: key(
    text(
      "one character of ASCII punctuation, or empty",
      (value) => /^[!#$%&'*+/=?^_`{|}~.-]?$/.test(value),
    ).prefault("+"),
    {
      description:
        'With `route = "recipient"`: a recipient `user+detail` without a mapping of its own is looked up as `user`. Empty: no such thing.',
    },
  ),
  master_user_separators: key(
    z.array(
      text("a separator that is not empty", (value) => value.length > 0),
      expected("a list of separators"),
    ).prefault(["%"]),
    {
      description:
        "A login is cut at the first of these for routing (`user%master` is routed like `user`); the backend gets it whole.",
    },
  ),
});

const poolSize = () =>
  key(whole(1, 1024).prefault(16), {
    description: "Connections to the store.",
  });

const fileSourceSchema = z.object({
  path: key(filePath(), {
    description:
      "File with a line for each account: identifier, white space, destination. `#` starts a comment.",
  }),
});

/** An address whose scheme is one of `schemes`; it may hold a password. */
const url = (...schemes: string[]) =>
  text(
    `an address that starts with ${
      schemes.map((scheme) => `"${scheme}://"`).join(" or ")
    }`,
    (value) =>
      schemes.some((scheme) =>
        value.startsWith(`${scheme}://`) && value.length > scheme.length + 3
      ),
  );

const redisSourceSchema = z.object({
  url: key(url(...REDIS_SCHEMES), {
    description:
      "Address of the server, with password and database; `rediss` is with TLS. `redis+sentinel://host,host/MASTER` asks Sentinels for the server, `redis+cluster://host,host` is a cluster.",
    secret: "url",
  }),
  key_prefix: key(z.string(expected("a string")).prefault("route:"), {
    description: "Put in front of the identifier to make the key.",
  }),
  pool_size: poolSize(),
});

const statement = () =>
  text("an SQL statement", (value) => value.trim().length > 0);

const sqlSourceSchema = z.object({
  url: key(url("postgres", "postgresql", "mysql", "sqlite"), {
    description:
      "Address of the database, with user and password; after `?`, `sslmode` and `sslrootcert` for a server, `mode=ro` for SQLite.",
    secret: "url",
  }),
  query: key(statement(), {
    description:
      "Statement that gives the destination in the first column of its first row. The identifier is bound, never spliced: its place is `$1` with PostgreSQL, `?` with MySQL and SQLite.",
  }),
  pool_size: poolSize(),
  upsert_query: key(statement().optional(), {
    description:
      "Statement that stores identifier and destination, bound in this order.",
    unset: "mappings are read-only",
  }),
  delete_query: key(statement().optional(), {
    description: "Statement that removes an identifier.",
    unset: "mappings are read-only",
  }),
  list_query: key(statement().optional(), {
    description:
      "Statement that gives identifier and destination of the mappings behind an identifier, ordered by identifier; the identifier and the number of rows are bound. It is needed to list and export mappings.",
    unset: "mappings cannot be listed",
  }),
});

export const mappingSchema = z.object({
  source: key(oneOf(["file", "redis", "sql"]), {
    description: "Where mappings are kept; its table must be there.",
  }),
  on_store_failure: key(oneOf(["default", "refuse"]).prefault("default"), {
    description:
      "When the store cannot answer and nothing is known of the account: route it to the default destination, or refuse it for now so that no account can land on the wrong server.",
  }),
  normalize: key(oneOf(["none", "lowercase"]).prefault("none"), {
    description: "What is done to an identifier before it is looked up.",
  }),
  positive_ttl: key(duration(0, YEAR).prefault("600s"), {
    description: "How long a found mapping is cached.",
  }),
  negative_ttl: key(duration(0, YEAR).prefault("30s"), {
    description: "How long it is cached that there is none.",
  }),
  cache_max_entries: key(whole(1, 100_000_000).prefault(1_000_000), {
    description: "Identifiers in the cache; the least recently used go first.",
  }),
  lookup_timeout: key(duration(1, LONGEST_TIMEOUT).prefault("5s"), {
    description: "Time for the store to answer.",
  }),
  file: key(fileSourceSchema.optional(), {
    description: "The source `file`.",
    unset: "required for its source",
  }),
  redis: key(redisSourceSchema.optional(), {
    description: "The source `redis`.",
    unset: "required for its source",
  }),
  sql: key(sqlSourceSchema.optional(), {
    description: "The source `sql`.",
    unset: "required for its source",
  }),
});
