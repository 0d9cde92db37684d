/** `[server]`, `[tls.certificate.NAME]` and `[tls.protocols]`. */
import { z } from "zod";
import {
  duration,
  expected,
  filePath,
  flag,
  host,
  key,
  oneOf,
  text,
  whole,
} from "./scalars.ts";

/** Log levels, the quietest first. */
export const LOG_LEVELS = ["error", "warn", "info", "debug", "trace"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export const serverSchema = z.object({
  threads: key(whole(0, 512).prefault(0), {
    description: "Data-plane workers; 0 means one for each core.",
    reload: "restart",
  }),
  hostname: key(host().optional(), {
    description: "Name of this host in greetings.",
    unset: "the local address of the connection",
  }),
  shutdown_grace: key(duration(0).prefault("30s"), {
    description:
      "How long sessions may go on after the signal to stop; 0s ends them at once.",
  }),
  bridge_idle: key(duration().prefault("1800s"), {
    description:
      "A bridged session in which no byte flows either way for so long is closed.",
  }),
  backend_timeout: key(duration().prefault("10s"), {
    description:
      "Time for dial, TLS, greeting and authentication of a backend together.",
  }),
  backend_connect_retries: key(whole(0, 100).prefault(1), {
    description:
      "Further attempts after a failure to connect, 200 ms apart. Later failures are not retried.",
  }),
  host_down_threshold: key(whole(0, 1_000_000).prefault(5), {
    description:
      "Consecutive failures after which a leg counts as down; 0 switches the breaker off.",
  }),
  host_down_min_clients: key(whole(0, 1_000_000).prefault(2), {
    description:
      "Distinct clients (IPv6: /64 networks) that failures after the connect stage must span before they trip the breaker.",
  }),
  host_down_cooldown: key(duration().prefault("30s"), {
    description:
      "How long a leg that is down is left alone before one connection probes it.",
  }),
  proxy_ttl: key(whole(0, 255).prefault(7), {
    description:
      "How many proxies a session may pass, this one included, before it is taken for a loop; 2 sends 1 to the backend, 1 and 0 refuse.",
  }),
  state_dir: key(filePath().optional(), {
    description:
      "Folder for what must survive a restart beside the configuration file: the last good configuration that was set by the API, what was set at run time, the local authority. Made with 0700 where it does not exist.",
    reload: "restart",
    unset: "STATE_DIRECTORY of the environment, else nothing is kept",
  }),
  log_level: key(oneOf(LOG_LEVELS).prefault("info"), {
    description:
      "Least severe level that is logged. PROXY_LOG and then RUST_LOG win over it.",
  }),
});

export const certificateSchema = z.object({
  cert: key(filePath(), {
    description: "PEM file with the certificate and its chain.",
  }),
  key: key(filePath(), {
    description: "PEM file with the private key, not encrypted.",
  }),
  subjects: key(
    z.array(
      text(
        'a host name, "*.example.com" or "*"',
        (value) =>
          value === "*" ||
          /^(\*\.)?[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?$/.test(value),
      ),
      expected("a list of host names"),
    ).optional(),
    {
      description:
        "Names that clients ask for (SNI) and that get this certificate.",
      unset: "the certificate's alternative names, else its common name",
    },
  ),
  default: key(flag().prefault(false), {
    description:
      'For clients that ask for no name or an unknown one, and for the management API. A certificate with the name or subject "*" is one too.',
  }),
});

export const tlsProtocolsSchema = z.object({
  min_version: key(oneOf(["1.2", "1.3"]).prefault("1.2"), {
    description: "Oldest TLS version that clients may use.",
  }),
  ignore_client_order: key(flag().prefault(false), {
    description:
      "Accepted for compatibility; true has no effect, since the TLS library has no such choice, and is warned about.",
  }),
  disable_cipher_suites: key(
    z.array(
      z.string(expected("the name of a cipher suite")),
      expected("a list"),
    )
      .prefault([]),
    {
      description:
        "Must be empty: the TLS library has no choice of cipher suites, and what cannot be honoured is refused.",
    },
  ),
});
