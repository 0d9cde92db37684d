/** The configuration as the control plane's parts want it. */
import type { Config } from "../config/schema.ts";
import type { ProtocolName } from "../port/snapshot.ts";
import type { ResolverSettings } from "../route/resolver.ts";
import type { BreakerLeg, BreakerSettings } from "./breakers.ts";

export function resolverSettings(config: Config): ResolverSettings {
  const { mapping, routing, destination } = config;
  return {
    defaultDestination: routing.default_destination,
    onStoreFailure: mapping.on_store_failure,
    positiveTtl: mapping.positive_ttl,
    negativeTtl: mapping.negative_ttl,
    lookupTimeout: mapping.lookup_timeout,
    cacheMaxEntries: mapping.cache_max_entries,
    isDeclared: (name) => Object.hasOwn(destination, name),
  };
}

export function breakerSettings({ server }: Config): BreakerSettings {
  return {
    hostDownThreshold: server.host_down_threshold,
    hostDownMinClients: server.host_down_min_clients,
    hostDownCooldown: server.host_down_cooldown,
    backendTimeout: server.backend_timeout,
  };
}

export function breakerLegs(config: Config): BreakerLeg[] {
  return Object.entries(config.destination).flatMap(([name, destination]) =>
    Object.entries(destination.protocol).flatMap(([protocol, leg]) =>
      leg === undefined ? [] : [{
        destination: name,
        protocol: protocol as ProtocolName,
        host: destination.host,
        port: leg.port,
      }]
    )
  );
}

/** `max_connections` by listener. */
export function connectionLimits(config: Config): Map<string, number> {
  return new Map(
    Object.entries(config.listener).map(([name, listener]) => [
      name,
      listener.max_connections,
    ]),
  );
}
