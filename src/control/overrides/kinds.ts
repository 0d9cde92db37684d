/** Everything that can be set at run time. */
import { isIP } from "node:net";
import { z } from "zod";
import { host, whole } from "../../config/scalars.ts";
import type { Config } from "../../config/schema.ts";
import type { ProtocolName } from "../../port/snapshot.ts";
import { type OverrideKind, overrideKind } from "./kind.ts";
import { aclOverride, mapOverride } from "./table_kinds.ts";
import {
  authoritiesOverride,
  certificateOverride,
  revocationsOverride,
} from "./tls_kinds.ts";

/** The protocols that `dest` or `dest/leg` means; undefined where there is no such server. */
export function serverLegs(
  config: Config,
  key: string,
): { destination: string; legs: ProtocolName[] } | undefined {
  const slash = key.lastIndexOf("/");
  const whole = legsOf(config, key);
  if (whole !== undefined) return { destination: key, legs: whole };
  if (slash < 0) return undefined;
  const destination = key.slice(0, slash);
  const protocol = key.slice(slash + 1) as ProtocolName;
  return legsOf(config, destination)?.includes(protocol)
    ? { destination, legs: [protocol] }
    : undefined;
}

function legsOf(
  { destination }: Config,
  name: string,
): ProtocolName[] | undefined {
  if (!Object.hasOwn(destination, name)) return undefined;
  return Object.entries(destination[name]!.protocol)
    .flatMap(([protocol, leg]) => leg ? [protocol as ProtocolName] : []);
}

const serverState = overrideKind({
  name: "server-state",
  summary:
    "`DESTINATION` or `DESTINATION/PROTOCOL`: `drain` takes no new logins, `maint` ends its sessions too, `ready` is in service.",
  value: z.enum(["ready", "drain", "maint"]),
  base: (config, key) => serverLegs(config, key) ? "ready" : undefined,
  lay(overlay, key, state) {
    const { destination, legs } = serverLegs(overlay.config, key)!;
    for (const leg of legs) overlay.legState(destination, leg, state);
  },
});

const serverAddress = overrideKind({
  name: "server-address",
  summary:
    "`DESTINATION`: another `host`. `DESTINATION/PROTOCOL`: another `port` of that leg.",
  value: z.union([
    z.strictObject({ host: host() }),
    z.strictObject({ port: whole(1, 65535) }),
  ]),
  base(config, key) {
    const server = serverLegs(config, key);
    if (!server) return undefined;
    const { host, protocol } = config.destination[server.destination]!;
    return key === server.destination
      ? { host }
      : { port: protocol[server.legs[0]!]!.port };
  },
  lay(overlay, key, value) {
    const { destination, legs } = serverLegs(overlay.config, key)!;
    if ("host" in value) {
      const { host, tls_server_name } = overlay.config
        .destination[destination]!;
      // An address has no name: the certificate is to have the one that it replaces.
      const keepsName = tls_server_name === undefined &&
        isIP(value.host) !== 0 && isIP(host) === 0;
      overlay.destination(destination, {
        ...value,
        ...keepsName && { tls_server_name: host },
      });
    } else for (const leg of legs) overlay.leg(destination, leg, value);
  },
});

const frontend = overrideKind({
  name: "frontend",
  summary:
    "`LISTENER`: `disabled` gives its addresses up until it is enabled, `shut` for good; its sessions go on.",
  value: z.enum(["disabled", "shut"]),
  base: (config, key) => hasListener(config, key) ? "enabled" : undefined,
  lay: (overlay, key) => void overlay.stopped.add(key),
});

const maxConnections = overrideKind({
  name: "maxconn",
  summary: "`LISTENER`: another `max_connections`.",
  value: whole(1, 10_000_000),
  base: (config, key) =>
    hasListener(config, key)
      ? config.listener[key]!.max_connections
      : undefined,
  lay: (overlay, key, max_connections) =>
    overlay.listener(key, { max_connections }),
});

const maxConnectionsOverall = overrideKind({
  name: "maxconn-global",
  summary: "`global`: connections of all listeners together.",
  value: whole(1, 10_000_000),
  base: (_, key) => key === "global" ? null : undefined,
  lay: (overlay, _, maxConnections) =>
    void (overlay.caps = { ...overlay.caps, maxConnections }),
});

const RATES = { connections: "connectionRate", logins: "loginRate" } as const;

const rateLimit = overrideKind({
  name: "rate-limit",
  summary:
    "`connections` or `logins`: how many a second at most; those that come sooner wait for their turn.",
  value: whole(1, 1_000_000),
  base: (_, key) => Object.hasOwn(RATES, key) ? null : undefined,
  lay(overlay, key, perSecond) {
    const cap = RATES[key as keyof typeof RATES];
    overlay.caps = { ...overlay.caps, [cap]: perSecond };
  },
});

function hasListener(config: Config, key: string): boolean {
  return Object.hasOwn(config.listener, key);
}

/** In the order in which they are laid over a configuration. */
export const overrideKinds: readonly OverrideKind[] = [
  serverAddress,
  serverState,
  frontend,
  maxConnections,
  maxConnectionsOverall,
  rateLimit,
  certificateOverride,
  authoritiesOverride,
  revocationsOverride,
  aclOverride,
  mapOverride,
];
