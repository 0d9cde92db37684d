import {
  advertisedEhlo,
  advertisedImap,
  legForwarding,
  serverName,
} from "../config/effective.ts";
import type { DestinationTrust } from "../config/destination_trust.ts";
import type { Resources } from "../config/resources.ts";
import type { Config, DestinationConfig } from "../config/schema.ts";
import { legName } from "../port/leg_name.ts";
import type {
  Capabilities,
  CertificateSnapshot,
  DestinationSnapshot,
  LegSnapshot,
  LegTrust,
  ProtocolName,
  SocketAddress,
  WorkerSnapshot,
} from "../port/snapshot.ts";
import type { Served } from "./served.ts";
import { httpSnapshot, limitsSnapshot } from "./settings.ts";
import { accessOf } from "./tables/packed.ts";

/** What a snapshot is made of besides the configuration. */
export interface SnapshotParts {
  readonly generation: number;
  readonly served: Served;
  /** How many share what is limited for all together. */
  readonly workers: number;
  /** For names without a certificate; null where there are none. */
  readonly selfMade:
    | { readonly certPem: string; readonly keyPem: string }
    | null;
  /** The addresses that a listener binds, free ports already chosen. */
  readonly bind: (listener: string) => readonly SocketAddress[];
  /** All authorities that legs are verified with, PEM. */
  readonly trustRoots: readonly string[];
  /** The authority that signed for a leg, once it is known. */
  readonly rootOf: (leg: LegSnapshot) => string | undefined;
  /** Stands in for `advertise = "probe"`. */
  readonly probedImap: readonly string[];
}

/** The data plane's view of a configuration. */
export function buildSnapshot(parts: SnapshotParts): WorkerSnapshot {
  const { config, resources, stopped } = parts.served;
  const { server } = config;
  const http = httpSnapshot(config);
  const limits = limitsSnapshot(config);
  return {
    generation: parts.generation,
    hostname: server.hostname,
    listeners: Object.entries(config.listener).filter(([name]) =>
      !stopped.has(name)
    ).map(([name, listener]) => ({
      name,
      protocol: listener.protocol,
      bind: parts.bind(name),
      tls: listener.tls,
      proxyProtocol: listener.proxy_protocol,
      ...accessOf(listener, resources.acls),
      maxConnections: listener.max_connections,
      preauthTimeout: listener.preauth_timeout,
      maxAuthAttempts: listener.max_auth_attempts,
      ...(listener.route === "recipient" && { byRecipient: true as const }),
      ...(listener.forwarded === "trust" && { trustsForwarded: true as const }),
    })),
    destinations: buildDestinations(parts),
    defaultDestination: config.routing.default_destination,
    smtpPassthrough: config.routing.smtp_passthrough_destination ?? null,
    normalize: config.mapping.normalize,
    masterUserSeparators: config.routing.master_user_separators,
    jwtUsernameClaim: config.oauth.jwt_username_claim,
    capabilities: buildCapabilities(config, parts.probedImap),
    certificates: buildCertificates(resources, parts.selfMade),
    trustRoots: parts.trustRoots,
    minTlsVersion: config.tls.protocols.min_version,
    bridgeIdle: server.bridge_idle,
    backendTimeout: server.backend_timeout,
    connectRetries: server.backend_connect_retries,
    proxyTtl: server.proxy_ttl,
    ...recipientRouting(config),
    ...(http && { http }),
    ...(limits && { limits }),
    ...pacing(parts),
  };
}

function pacing(
  { served: { caps }, workers }: SnapshotParts,
): Pick<WorkerSnapshot, "paces"> {
  const share = (perSecond: number | null) =>
    perSecond === null ? null : perSecond / workers;
  const paces = {
    connections: share(caps.connectionRate),
    logins: share(caps.loginRate),
  };
  return paces.connections === null && paces.logins === null ? {} : { paces };
}

function recipientRouting(
  { listener, routing, capabilities }: Config,
): Pick<WorkerSnapshot, "recipients"> {
  const used = Object.values(listener).some(({ route }) =>
    route === "recipient"
  );
  return used
    ? {
      recipients: {
        delimiter: routing.recipient_delimiter,
        ehlo: capabilities.smtp.ehlo,
      },
    }
    : {};
}

function buildCapabilities(
  config: Config,
  probedImap: readonly string[],
): Capabilities {
  const { imap, pop3, managesieve, submission } = config.capabilities;
  const login = (
    own: Pick<typeof imap, "sasl" | "allow_plain_auth_without_tls">,
  ) => ({
    sasl: own.sasl,
    allowPlainAuthWithoutTls: own.allow_plain_auth_without_tls,
  });
  const advertise = advertisedImap(config);
  return {
    imap: {
      ...login(imap),
      banner: imap.banner,
      advertise: advertise === "probe" ? probedImap : advertise,
    },
    pop3: { ...login(pop3), banner: pop3.banner },
    managesieve: {
      ...login(managesieve),
      implementation: managesieve.implementation,
      sieve: managesieve.sieve,
    },
    submission: {
      ...login(submission),
      banner: submission.banner,
      ehlo: advertisedEhlo(config),
    },
  };
}

/** All legs of all destinations. */
export function buildDestinations(
  parts: Pick<SnapshotParts, "served" | "trustRoots" | "rootOf">,
): Record<string, DestinationSnapshot> {
  const { served, trustRoots, rootOf } = parts;
  const { config, resources, legStates } = served;
  const destinations: [string, DestinationSnapshot][] = [];
  for (const [name, destination] of Object.entries(config.destination)) {
    const legs: Partial<Record<ProtocolName, LegSnapshot>> = {};
    const clientCertificate = resources.clientCertificates.get(name);
    for (const [key, leg] of Object.entries(destination.protocol)) {
      if (leg === undefined) continue;
      const protocol = key as ProtocolName;
      const isReady = !legStates.has(legName(name, protocol));
      legs[protocol] = narrow({
        destination: name,
        protocol,
        host: destination.host,
        port: leg.port,
        tls: leg.tls,
        trust: trustOf(
          destination,
          trustRoots,
          resources.trust.get(name) ?? {},
        ),
        ...(clientCertificate ? { clientCertificate } : {}),
        forwarding: legForwarding(config, name, protocol),
        sourceIps: destination.source_ips,
        hideAuthErrors: destination.hide_auth_errors,
        allowPlaintextAuth: destination.allow_plaintext_auth,
        ...(destination.forwarded && { forwarded: true as const }),
        ...(!isReady && { closed: true as const }),
      }, rootOf);
    }
    destinations.push([name, { name, legs }]);
  }
  return Object.fromEntries(destinations);
}

function narrow(
  leg: LegSnapshot,
  rootOf: SnapshotParts["rootOf"],
): LegSnapshot {
  const root = rootOf(leg);
  if (leg.trust.kind !== "store" || root === undefined) return leg;
  return { ...leg, trust: { ...leg.trust, caCerts: [root] } };
}

function trustOf(
  destination: DestinationConfig,
  trustRoots: readonly string[],
  { authorities, revocations }: DestinationTrust,
): LegTrust {
  const name = serverName(destination);
  const sha256 = destination.tls_pinned_cert_sha256;
  if (sha256 !== undefined) return { kind: "pin", serverName: name, sha256 };
  if (destination.tls_allow_invalid_certs) {
    return { kind: "none", serverName: name };
  }
  return {
    kind: authorities ? "authorities" : "store",
    serverName: name,
    caCerts: authorities ?? trustRoots,
    ...(revocations && { revocations }),
  };
}

/** The self-made certificate comes last: other names find another one. */
function buildCertificates(
  resources: Resources,
  selfMade: SnapshotParts["selfMade"],
): CertificateSnapshot[] {
  const certificates: CertificateSnapshot[] = resources.certificates.map((
    { certPem, keyPem, subjects, isDefault },
  ) => ({ certPem, keyPem, names: subjects, isDefault }));
  if (selfMade === null) return certificates;
  return [...certificates, { ...selfMade, names: [], isDefault: false }];
}
