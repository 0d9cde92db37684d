/** `[[runtime.socket]]`: where commands of the runtime socket are taken. */
import { z } from "zod";
import {
  type Endpoint,
  expected,
  filePath,
  flag,
  key,
  oneOf,
  parseEndpoint,
  text,
} from "./scalars.ts";

/** What whoever speaks on a socket may do, the least first. */
export const RUNTIME_LEVELS = ["user", "operator", "admin"] as const;
export type RuntimeLevel = (typeof RUNTIME_LEVELS)[number];

/** Like other addresses, and `*:9999` for every IPv4 address of the host. */
export function parseRuntimeBind(value: string): Endpoint | null {
  return parseEndpoint(value.replace(/^\*:/, "0.0.0.0:"));
}

/** `sun_path` has 108 bytes, of which the name that a socket is made under takes some. */
const LONGEST_PATH = 96;

const account = (what: string) =>
  text(
    `the name of a ${what} of this host, or its number`,
    (value) => /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}\$?$/.test(value),
  ).optional();

const socketSchema = z.object({
  path: key(
    filePath().refine(
      (value) => new TextEncoder().encode(value).length <= LONGEST_PATH,
      { error: `must have at most ${LONGEST_PATH} bytes` },
    ).optional(),
    {
      description:
        "Path of a UNIX socket. One that a program left behind is replaced; one that a program answers on is not.",
      unset: "`bind` says where",
    },
  ),
  bind: key(
    text(
      'an IP address and a port, such as "127.0.0.1:9999", "[::1]:9999" or "*:9999"',
      (value) => parseRuntimeBind(value) !== null,
    ).optional(),
    {
      description:
        "Address in place of `path`, neither encrypted nor authenticated; `*:9999` is every IPv4 address of the host.",
      unset: "`path` says where",
    },
  ),
  user: key(account("user"), {
    description: "Owner of the UNIX socket.",
    unset: "the proxy's own",
  }),
  group: key(account("group"), {
    description: "Group of the UNIX socket.",
    unset: "the proxy's own",
  }),
  mode: key(
    text(
      'octal permissions, such as "660"',
      (value) => /^0?[0-7]{3}$/.test(value),
    ).prefault("660"),
    { description: "Permissions of the UNIX socket." },
  ),
  level: key(oneOf(RUNTIME_LEVELS).prefault("operator"), {
    description:
      "`user` reads counters; `operator` reads everything but secrets and changes what does not last, such as ending sessions; `admin` does all. On an address other than loopback at most `operator`.",
  }),
  expose_listeners: key(flag().prefault(false), {
    description:
      "A new process may ask for the listening ports here, to take over from this one.",
  }),
});

export const runtimeSchema = z.object({
  socket: key(
    z.array(socketSchema, expected("tables [[runtime.socket]]")).prefault([]),
    {
      description:
        "Sockets for plain text commands, for socat and scripts. Each has either `path` or `bind`.",
    },
  ),
});
