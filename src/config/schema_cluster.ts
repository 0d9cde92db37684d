/** `[cluster]`: other proxies that do what is done here. */
import { z } from "zod";
import { key, oneOf, text } from "./scalars.ts";

export const clusterSchema = z.object({
  bus: key(oneOf(["redis", "postgres"]), {
    description:
      "What carries messages between the proxies: publish and subscribe of Redis, or LISTEN and NOTIFY of PostgreSQL.",
  }),
  url: key(
    text(
      'an address such as "redis://:password@host:6379" or "postgres://user:password@host/database"',
      (value) => /^[a-z+]+:\/\/./.test(value),
    ),
    {
      description:
        "Address of that server, as `[mapping.redis]` and `[mapping.sql]` have it. It may be the one that mappings are in.",
      secret: "url",
    },
  ),
  prefix: key(
    text(
      "1 to 40 of the characters A-Z a-z 0-9 _ . : -",
      (value) => /^[\w.:-]{1,40}$/.test(value),
    ).prefault("mailferry"),
    {
      description:
        "Beginning of the names of channels. Proxies with the same one on the same server are a cluster.",
    },
  ),
  node: key(
    text(
      "1 to 100 visible ASCII characters without spaces",
      (value) => /^[\x21-\x7e]{1,100}$/.test(value),
    ).optional(),
    {
      description:
        "What the others call this proxy; each has a name of its own, and keeps it over restarts.",
      unset: "the host's name and a random part, new at each start",
    },
  ),
});
