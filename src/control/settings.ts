/** The configuration as the control plane's parts want it. */
import { DEFAULT_NAME, type ExtractConfig } from "../config/schema_http.ts";
import type { Config } from "../config/schema.ts";
import type {
  ExtractionSnapshot,
  HttpSnapshot,
  LimitsSnapshot,
  ProtocolName,
} from "../port/snapshot.ts";
import type { RouteKeyRules } from "../route/identifier.ts";
import type { ResolverSettings } from "../route/resolver.ts";
import type { BreakerLeg, BreakerSettings } from "./breakers.ts";
import type { LimitSettings } from "./limits.ts";

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

export function routeKeyRules({ mapping, routing }: Config): RouteKeyRules {
  return {
    normalize: mapping.normalize,
    masterUserSeparators: routing.master_user_separators,
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

export function limitSettings({ limits }: Config): LimitSettings {
  return {
    connectionsPerAddress: limits.connections_per_address,
    connectionsPerAccount: limits.connections_per_account,
    failuresPerAddress: limits.failures_per_address,
    failuresPerAccount: limits.failures_per_account,
    failureWindow: limits.failure_window,
    failureDelay: limits.failure_delay,
    failureDelayMax: limits.failure_delay_max,
    refusalTime: limits.refusal_time,
  };
}

/** When the workers have to ask; undefined where nothing is limited. */
export function limitsSnapshot({ limits }: Config): LimitsSnapshot | undefined {
  const failures = limits.failures_per_address > 0 ||
    limits.failures_per_account > 0;
  const connections = protocolsOf(limits.connections_per_address, false);
  const logins = protocolsOf(limits.connections_per_account, failures);
  if (connections.length === 0 && logins.length === 0) return undefined;
  return {
    trustedNetworks: limits.trusted_networks,
    connections,
    logins,
    failures,
  };
}

/** What http listeners go by; undefined where there is none. */
export function httpSnapshot(config: Config): HttpSnapshot | undefined {
  const { http, listener, routing } = config;
  const isServed = Object.values(listener)
    .some(({ protocol }) => protocol === "http");
  if (!isServed) return undefined;
  const named = (name: string) =>
    name === DEFAULT_NAME ? routing.default_destination : name;
  return {
    routes: http.route.map(({ match, destination, extract, fallback }) => ({
      match,
      ...(destination !== undefined && { destination: named(destination) }),
      ...(extract !== undefined && { extract: extraction(extract) }),
      ...(fallback !== undefined && { fallback: named(fallback) }),
    })),
    bodyExtractCap: http.body_extract_cap,
    maxHeadSize: http.max_head_size,
    relayIdle: http.relay_idle,
    keepaliveTimeout: http.keepalive_timeout,
    maxKeepaliveRequests: http.max_keepalive_requests,
    accessLog: http.access_log,
  };
}

/** The rules have seen to it that the key of each kind is there. */
function extraction(
  { from, param, header, regex }: ExtractConfig,
): ExtractionSnapshot {
  switch (from) {
    case "authorization":
      return { from };
    case "query":
      return { from, param: param! };
    case "header":
      return { from, header: header! };
    case "body":
      return { from, regex: regex! };
  }
}

function protocolsOf(
  most: Readonly<Partial<Record<ProtocolName, number>>>,
  all: boolean,
): ProtocolName[] {
  return Object.entries(most).filter(([, count]) => all || count > 0)
    .map(([protocol]) => protocol as ProtocolName);
}
