/** `[destination.NAME]` and `[destination.NAME.protocol.P]`. */
import { z } from "zod";
import {
  expected,
  filePath,
  flag,
  host,
  ipAddress,
  key,
  oneOf,
  whole,
} from "./scalars.ts";
import { TLS_MODES } from "./schema_listener.ts";

const FORWARDING = ["proxy", "xclient", "none"] as const;

export const legSchema = z.object({
  port: key(whole(1, 65535), { description: "Port of the backend." }),
  tls: key(oneOf(TLS_MODES), {
    description:
      "`implicit`, `starttls` (not for http, and for smtp and lmtp only where every listener that uses the leg routes by recipient) or `plain`. Legs with a login need TLS or `allow_plaintext_auth`.",
  }),
  forwarding: key(oneOf(FORWARDING).optional(), {
    description: "For this leg instead of the destination's.",
    unset: "the destination's",
  }),
});

const leg = (what: string) =>
  key(legSchema.optional(), { description: what, unset: "not served" });

/** SHA-256 of a certificate as 64 hexadecimal digits, colons allowed; the output is lower case without them. */
const pin = z.string(expected("64 hexadecimal digits")).transform(
  (value, context) => {
    const digits = value.replaceAll(":", "").toLowerCase();
    if (
      /^[0-9a-f]{64}$/.test(digits) &&
      (!value.includes(":") || /^..(:..){31}$/.test(value))
    ) {
      return digits;
    }
    context.issues.push({
      code: "custom",
      message:
        `must be the SHA-256 of the certificate, 64 hexadecimal digits, colons between pairs allowed (here: ${digits.length} digits)`,
      input: value,
    });
    return z.NEVER;
  },
);

export const destinationSchema = z.object({
  host: key(host(), {
    description:
      "Name or address of the backend. Names are resolved at each dial.",
  }),
  tls_server_name: key(host().optional(), {
    description:
      "Name that is asked for in TLS and that the certificate must have. Required for TLS legs when `host` is an IP address.",
    unset: "`host`",
  }),
  proxy_protocol: key(flag().prefault(true), {
    description:
      "Whether the backend expects a PROXY v2 header, where `forwarding` is not set.",
  }),
  forwarding: key(oneOf(FORWARDING).optional(), {
    description:
      "How the backend learns the client's address: PROXY v2 header, XCLIENT (for IMAP: ID; for HTTP: not), or not.",
    unset: "`proxy` where `proxy_protocol` is true, else `none`",
  }),
  forwarded: key(flag().prefault(false), {
    description:
      "http only: append the client's address to the headers Forwarded and X-Forwarded-For.",
  }),
  tls_allow_invalid_certs: key(flag().prefault(false), {
    description:
      "Accept any certificate. Warned about: whoever is between can read the passwords.",
  }),
  tls_pinned_cert_sha256: key(pin.optional(), {
    description:
      "SHA-256 of the one certificate that is accepted, as 64 hexadecimal digits, colons allowed. Nothing else about the certificate matters then. Best pinned are self-signed certificates without CA:TRUE: of others this runtime cannot check that the backend has the key, which is logged as `pin_unproven`, and whoever is between can show a copy.",
    unset: "verified",
  }),
  tls_ca_file: key(filePath().optional(), {
    description:
      "PEM file with the authorities that may have signed the certificate of the backend, and no others.",
    unset: "those of the host's trust store",
  }),
  tls_crl_file: key(filePath().optional(), {
    description:
      "Certificate revocation lists, PEM or DER: a backend whose own certificate is in them, or whose authority has no list there, gets no credential. A list that has run out still counts, and is warned about at each load.",
    unset: "revocation is not looked at",
  }),
  tls_client_cert: key(filePath().optional(), {
    description:
      "PEM file with the certificate that the proxy shows to the backend.",
    unset: "none",
  }),
  tls_client_key: key(filePath().optional(), {
    description: "PEM file with its private key. Both or neither.",
    unset: "none",
  }),
  source_ips: key(
    z.array(ipAddress(), expected("a list of IP addresses")).prefault([]),
    {
      description:
        "Local addresses to connect from, in turn. Refused at start where the runtime cannot bind a source address.",
    },
  ),
  hide_auth_errors: key(flag().prefault(false), {
    description:
      "Answer refused logins with a fixed text instead of the backend's own.",
  }),
  allow_plaintext_auth: key(flag().prefault(false), {
    description: "Permit logins over legs without TLS.",
  }),
  protocol: key(
    z.object({
      imap: leg("IMAP leg."),
      pop3: leg("POP3 leg."),
      managesieve: leg("ManageSieve leg."),
      submission: leg("Submission leg."),
      smtp: leg("SMTP pass-through leg."),
      lmtp: leg("LMTP pass-through leg."),
      http: leg("HTTP leg."),
    }).prefault({}),
    { description: "One table for each protocol that the backend serves." },
  ),
});
