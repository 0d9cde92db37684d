/** `[http]` and `[[http.route]]`. */
import { z } from "zod";
import {
  duration,
  expected,
  flag,
  key,
  oneOf,
  text,
  whole,
} from "./scalars.ts";

const filled = (what: string) => text(what, (value) => value.length > 0);

/** `param`, `header` and `regex` belong to one `from` each; the rules check which must be there. */
const extractSchema = z.object({
  from: key(oneOf(["authorization", "query", "header", "body"]), {
    description:
      "`authorization`: the user of Basic in lower case, or whom a Bearer token names; `query`, `header`, `body`: as the key beside it says.",
  }),
  param: key(filled("the name of a query parameter").optional(), {
    description:
      "Query parameter that holds the identifier, for `query`: the first of that name. A `+` stands for itself.",
    unset: "required for `query`",
  }),
  header: key(
    text(
      "the name of a header",
      (value) => /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(value),
    ).optional(),
    {
      description:
        "Header that holds the identifier, for `header`. One that comes twice holds none.",
      unset: "required for `header`",
    },
  ),
  regex: key(filled("a regular expression (RE2 syntax)").optional(), {
    description:
      "Regular expression (RE2 syntax) whose first group is the identifier, for `body`. It runs over the first `body_extract_cap` bytes, as UTF-8; a longer body is refused with 413.",
    unset: "required for `body`",
  }),
});

export type ExtractConfig = z.output<typeof extractSchema>;

/** In a route this stands for the default destination, whatever its name. */
export const DEFAULT_NAME = "default";

const routeSchema = z.object({
  match: key(filled("a path pattern"), {
    description:
      "Pattern for the path, tried with and without a slash at its end: `*` (within a segment), `**` (across segments), `?`, `[…]`, `[!…]`, `{a,b}`; a backslash takes away a character's meaning.",
  }),
  destination: key(filled("the name of a destination").optional(), {
    description:
      "Where all matching requests go, whoever they are of; `default` is the default destination.",
    unset: "`extract` decides",
  }),
  extract: key(extractSchema.optional(), {
    description: "Where the identifier is found.",
    unset: "`destination` decides",
  }),
  fallback: key(filled("the name of a destination").optional(), {
    description:
      "Destination for requests without an identifier; `default` is the default destination.",
    unset: "404",
  }),
});

export const httpSchema = z.object({
  route: key(
    z.array(routeSchema, expected("tables [[http.route]]")).prefault([]),
    { description: "Rules in order; the first that matches wins." },
  ),
  body_extract_cap: key(whole(0, 64 * 1024 * 1024).prefault(65536), {
    description: "Bytes of a body that are read to find an identifier.",
  }),
  max_head_size: key(whole(1024, 16 * 1024 * 1024).prefault(65536), {
    description: "Bytes of a request's or reply's head.",
  }),
  relay_idle: key(duration().prefault("60s"), {
    description: "Silence in the middle of a request or reply that ends it.",
  }),
  keepalive_timeout: key(duration().prefault("75s"), {
    description: "How long a connection waits for its next request.",
  }),
  max_keepalive_requests: key(whole(1, 1_000_000_000).prefault(1000), {
    description: "Requests on one connection.",
  }),
  access_log: key(flag().prefault(false), {
    description:
      "Log a line `http_request` for each request, without its query and with the account shortened.",
  }),
});
