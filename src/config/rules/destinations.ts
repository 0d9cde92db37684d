/** Rules about destinations and their legs. */
import { isIP } from "node:net";
import {
  hasStartTls,
  isPassThrough,
  mayOfferStartTls,
  PROTOCOLS,
} from "../protocols.ts";
import type { ConfigDraft } from "../walk.ts";
import {
  type DestinationDraft,
  eachDestination,
  eachListener,
  type Rule,
} from "./rule.ts";

type Protocol = (typeof PROTOCOLS)[number];
type LegDraft = NonNullable<
  NonNullable<DestinationDraft["protocol"]>[Protocol]
>;

function* eachLeg(
  draft: ConfigDraft,
): Generator<[string, DestinationDraft, Protocol, LegDraft]> {
  for (const [name, destination] of eachDestination(draft)) {
    for (const protocol of PROTOCOLS) {
      const leg = destination.protocol?.[protocol];
      if (leg !== undefined) yield [name, destination, protocol, leg];
    }
  }
}

function tlsLegs({ protocol: legs }: DestinationDraft): Protocol[] {
  return PROTOCOLS.filter((protocol) => {
    const tls = legs?.[protocol]?.tls;
    return tls !== undefined && tls !== "plain";
  });
}

const legPath = (name: string, protocol: Protocol, key: string) => [
  "destination",
  name,
  "protocol",
  protocol,
  key,
];

/** A leg that only messages by recipient go over is spoken on by the proxy; on others it is the client. */
function maySpeakStartTls(
  draft: ConfigDraft,
  destination: string,
  protocol: Protocol,
): boolean {
  const listeners = [...eachListener(draft)].map(([, listener]) => listener)
    .filter((listener) => listener.protocol === protocol);
  const bridged = draft.routing?.smtp_passthrough_destination === destination &&
    listeners.some(({ route }) => route !== "recipient");
  return hasStartTls(protocol) ||
    listeners.some(({ route }) => mayOfferStartTls({ protocol, route })) &&
      !bridged;
}

export const legStartTls: Rule = (draft, issues) => {
  for (const [name, , protocol, leg] of eachLeg(draft)) {
    if (leg.tls === "starttls" && !maySpeakStartTls(draft, name, protocol)) {
      issues.problem(
        legPath(name, protocol, "tls"),
        `starttls is not possible for ${protocol}: use "implicit" or "plain"`,
      );
    }
  }
};

export const plaintextLeg: Rule = (draft, issues) => {
  for (const [name, destination, protocol, leg] of eachLeg(draft)) {
    if (
      leg.tls === "plain" && !isPassThrough(protocol) &&
      destination.allow_plaintext_auth === false
    ) {
      issues.problem(
        legPath(name, protocol, "tls"),
        `"plain" would send passwords in clear: use "implicit"${
          hasStartTls(protocol) ? ' or "starttls"' : ""
        }, or set allow_plaintext_auth = true on destination ${name}`,
      );
    }
  }
};

export const serverNameForAddress: Rule = (draft, issues) => {
  for (const [name, destination] of eachDestination(draft)) {
    const { host } = destination;
    if (
      host === undefined || isIP(host) === 0 ||
      destination.tls_server_name !== undefined
    ) continue;
    const legs = tlsLegs(destination);
    if (legs.length === 0) continue;
    issues.problem(
      ["destination", name, "tls_server_name"],
      `required because host is an IP address and ${
        legs.length === 1
          ? `leg ${legs[0]} uses`
          : `legs ${legs.join(", ")} use`
      } TLS`,
    );
  }
};

export const clientCertificatePair: Rule = (draft, issues) => {
  for (const [name, destination] of eachDestination(draft)) {
    const cert = destination.tls_client_cert !== undefined;
    const key = destination.tls_client_key !== undefined;
    if (cert === key) continue;
    issues.problem(
      ["destination", name, cert ? "tls_client_key" : "tls_client_cert"],
      `required because ${
        cert ? "tls_client_cert" : "tls_client_key"
      } is set: give both or neither`,
    );
  }
};

/** What `tls_ca_file` and `tls_crl_file` have to be beside each other key that says what is believed. */
export const authoritiesCount: Rule = (draft, issues) => {
  for (const [name, destination] of eachDestination(draft)) {
    const { tls_pinned_cert_sha256: pin, tls_allow_invalid_certs: any } =
      destination;
    for (const key of ["tls_ca_file", "tls_crl_file"] as const) {
      if (destination[key] === undefined) continue;
      const path = ["destination", name, key];
      if (pin !== undefined) {
        issues.problem(
          path,
          "has no meaning beside tls_pinned_cert_sha256, with which no authority is asked: remove one of them",
        );
      } else if (any === true) {
        issues.problem(
          path,
          "has no meaning beside tls_allow_invalid_certs, with which nothing is verified: remove one of them",
        );
      } else if (tlsLegs(destination).length === 0) {
        issues.warn(path, "has no effect: no leg uses TLS");
      }
    }
  }
};

export const invalidCertificates: Rule = (draft, issues) => {
  for (const [name, destination] of eachDestination(draft)) {
    if (destination.tls_allow_invalid_certs !== true) continue;
    issues.warn(
      ["destination", name, "tls_allow_invalid_certs"],
      destination.tls_pinned_cert_sha256 === undefined
        ? "any certificate is accepted, so whoever is on the way can read passwords: prefer tls_pinned_cert_sha256"
        : "has no effect beside tls_pinned_cert_sha256, which decides",
    );
  }
};
