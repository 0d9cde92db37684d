/**
 * Every counter, gauge and histogram there is: its name, what it tells, its labels. The names here are those of
 * the log; in `GET /metrics` they have `METRIC_PREFIX` in front, and counters `_total` behind. A label
 * has few values, known from the configuration or from the program: never an account or an address.
 */
import type { EndReason, LimitCause } from "../port/messages.ts";
import type { ProtocolName } from "../port/snapshot.ts";

export const METRIC_PREFIX = "mailferry_";

/** All values of each label, so that each combination is there, as zero, from the start. */
type LabelValues = Readonly<Record<string, readonly string[]>>;

interface CounterDeclaration {
  readonly help: string;
  readonly labels?: LabelValues;
}

interface HistogramDeclaration {
  readonly help: string;
  readonly labels?: LabelValues;
  /** Upper bounds, rising; one for all the rest is added. */
  readonly buckets: readonly number[];
}

interface GaugeDeclaration {
  readonly help: string;
  /** Their values come with the samples. */
  readonly labels?: readonly string[];
  /** Facts about the process rather than a number, which is always 1. */
  readonly info?: true;
  /** Not in the log, which tells of it in other words. */
  readonly unlogged?: true;
}

/** The keys are checked against the type: one that is missing does not compile. */
function every<T extends string>(values: Readonly<Record<T, true>>): T[] {
  return Object.keys(values) as T[];
}

const PROTOCOLS = every<ProtocolName>({
  imap: true,
  pop3: true,
  managesieve: true,
  submission: true,
  smtp: true,
  lmtp: true,
  http: true,
});

const END_REASONS = every<EndReason>({
  "client-closed": true,
  "backend-closed": true,
  "logout": true,
  "idle": true,
  "kicked": true,
  "moved": true,
  "drained": true,
  "max-connections": true,
  "acl": true,
  "limit": true,
  "preauth-timeout": true,
  "preauth-limit": true,
  "auth-attempts": true,
  "tls-failed": true,
  "cleartext-after-starttls": true,
  "proxy-header": true,
  "backend-unavailable": true,
  "hold-overflow": true,
  "request-refused": true,
  "last-response": true,
  "worker-lost": true,
  "error": true,
});

const LIMITS = every<LimitCause>({
  "address-connections": true,
  "account-connections": true,
  "address-failures": true,
  "account-failures": true,
});

/** What a sender was told of one recipient of a message: taken, refused, or to be tried again. */
const DELIVERY_RESULTS = ["accepted", "refused", "deferred"] as const;
export type DeliveryResult = (typeof DELIVERY_RESULTS)[number];

/** How a login ended; `LoginResult` is what a worker may count. */
const LOGIN_RESULTS = [
  "accepted",
  "refused",
  "unavailable",
  "limited",
] as const;
export type LoginResult = (typeof LOGIN_RESULTS)[number];

/** What became of an account that was to be moved, or moved back. */
export const MOVE_RESULTS = [
  /** All its names are mapped to the destination. */
  "moved",
  /** They were before; nothing was written. */
  "unchanged",
  /** Of an undo: all its names are mapped to what they were before. */
  "restored",
  /** Moved, but somebody else has changed a mapping since. */
  "overtaken",
  /** Another move has it at this moment; nothing was done. */
  "busy",
  /** Of an undo: somebody has changed a mapping since; nothing was done. */
  "changed",
  /** The call came to nothing, or this account did; its mappings are what they were. */
  "not-moved",
  /** Written, and put back since a write failed. */
  "put-back",
  /** A write failed, and what the store has now could not be found out or put right. */
  "unknown",
] as const;

/** What is asked of a mapping store in another program. */
const STORE_OPERATIONS = ["get", "delete", "write", "list"] as const;
export type StoreOperation = (typeof STORE_OPERATIONS)[number];

/** Why it did not: no answer in time, not to be asked, an answer that cannot be used, or a write refused. */
const STORE_FAILURES = [
  "timeout",
  "unavailable",
  "bad-data",
  "rejected",
] as const;
export type StoreFailure = (typeof STORE_FAILURES)[number];

/** What proxies ask of each other. */
const CLUSTER_REQUESTS = [
  "forget",
  "kick",
  "evict",
  "hold",
  "pin",
  "unpin",
  "sessions",
] as const;

/** The stages of a login that take time. */
const LOGIN_STAGES = ["hold", "lookup", "dial", "tls", "auth"] as const;
export type LoginStage = (typeof LOGIN_STAGES)[number];

const LOGIN_SECONDS = [
  ...[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5],
  ...[1, 2.5, 5, 10, 30],
];

export const COUNTERS = counters({
  connections_accepted: { help: "Connections that got a slot." },
  connections_refused: {
    help: "Connections closed at once because of max_connections.",
  },
  connections_denied: {
    help: "Connections closed because of allow and deny of their listener.",
  },
  logins: {
    help:
      "Logins: accepted or refused by the backend, answered with a temporary failure (backend, route or hold not available), or refused by a limit.",
    labels: { protocol: PROTOCOLS, result: LOGIN_RESULTS },
  },
  deliveries: {
    help:
      'Recipients of messages on listeners with route = "recipient", by what the sender was told: accepted, refused for good, or to be tried again.',
    labels: { protocol: ["smtp", "lmtp"], result: DELIVERY_RESULTS },
  },
  http_requests: {
    help:
      "HTTP requests that were answered, by a backend or by the proxy itself, by the first digit of the status.",
    labels: { class: ["1xx", "2xx", "3xx", "4xx", "5xx"] },
  },
  limit_refusals: {
    help: "Connections and logins refused by [limits].",
    labels: { limit: LIMITS },
  },
  cache_hits: { help: "Logins routed from a worker's own cache." },
  cache_lookups: {
    help:
      "Logins that a worker's own cache had no route for, by whether the control plane's had one (hit) or the mapping store was asked (miss).",
    labels: { result: ["hit", "miss"] },
  },
  bytes: {
    help: "Bytes from clients to backends (in) and back (out).",
    labels: { protocol: PROTOCOLS, direction: ["in", "out"] },
  },
  sessions_ended: {
    help: "Sessions that are over, by what ended them.",
    labels: { protocol: PROTOCOLS, reason: END_REASONS },
  },
  moves: {
    help:
      "Accounts of moves and of undone ones, by what became of them; dry runs do not count.",
    labels: { result: MOVE_RESULTS },
  },
  store_failures: { help: "Lookups that the mapping store did not answer." },
  store_errors: {
    help:
      "Requests to a mapping store in another program that failed: no answer in time, not to be asked at all, an answer that cannot be used, or a write that it refused.",
    labels: { operation: STORE_OPERATIONS, reason: STORE_FAILURES },
  },
  undeclared_destinations: {
    help: "Lookups answered with a destination that is not configured.",
  },
  workers_lost: { help: "Data-plane workers that died and were replaced." },
  config_reloads: { help: "Configurations taken over, the first included." },
  config_reload_failures: { help: "Configurations refused at a reload." },
  cluster_messages: {
    help: "Messages on the cluster bus, of this proxy and to it.",
    labels: { direction: ["in", "out"] },
  },
  cluster_unreached: {
    help:
      "Requests to the other proxies that not all of them have answered in time.",
    labels: { request: CLUSTER_REQUESTS },
  },
  cluster_losses: {
    help: "How often the connection to the cluster bus broke.",
  },
  bugs: { help: "Errors that nothing in the program expects." },
});

export const HISTOGRAMS = histograms({
  login_duration_seconds: {
    help:
      "Time from a complete login to its answer, of those that a backend has accepted.",
    labels: { protocol: ["imap", "pop3", "managesieve", "submission"] },
    buckets: LOGIN_SECONDS,
  },
  login_stage_duration_seconds: {
    help:
      "Time of the stages that logins have been through: the end of a hold (of those that were held), the lookup of the route, the connection to the backend, TLS with it, and the dialogue with it from the greeting to its answer.",
    labels: { stage: LOGIN_STAGES },
    buckets: LOGIN_SECONDS,
  },
  store_request_duration_seconds: {
    help: "Time that a mapping store in another program took for its answers.",
    labels: { operation: STORE_OPERATIONS },
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5],
  },
  loop_lag_seconds: {
    help:
      "How much later than it should the event loop of a thread comes to what waits, looked at each second.",
    labels: { thread: ["control", "worker"] },
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5],
  },
  cluster_answer_duration_seconds: {
    help: "Time until all other proxies had answered a request.",
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1],
  },
});

export const GAUGES = gauges({
  cluster_up: {
    help:
      "1 while the cluster bus carries messages, 0 while it does not; absent without [cluster].",
  },
  cluster_members: {
    help: "Proxies that are heard on the cluster bus, this one included.",
  },
  active_connections: { help: "Connections now.", labels: ["listener"] },
  active_sessions: {
    help: "Sessions past routing now.",
    labels: ["destination"],
  },
  held_logins: { help: "Logins waiting for the end of a hold now." },
  limits_refused: {
    help: "Addresses and accounts whose logins are refused by [limits] now.",
  },
  cache_entries: { help: "Identifiers in the control plane's route cache." },
  store_up: {
    help: "1 while the mapping store answers, 0 while it cannot be asked.",
  },
  legs_down: { help: "Legs taken down by their breaker now." },
  breaker_state: {
    help:
      "1 for the state that a leg's breaker is in: closed, down, or ask (cooled down, one connection probes).",
    labels: ["destination", "protocol", "state"],
    unlogged: true,
  },
  workers: { help: "Data-plane workers." },
  heap_bytes: {
    help:
      "Memory that a thread's objects take: the control plane, and each worker as of some seconds ago.",
    labels: ["thread"],
    unlogged: true,
  },
  resident_memory_bytes: { help: "Memory of the process." },
  certificate_expiry_timestamp_seconds: {
    help: "When a configured certificate expires, since the epoch.",
    labels: ["certificate"],
    unlogged: true,
  },
  config_generation: { help: "Number of the configuration in force." },
  config_last_reload_successful: {
    help: "1 when the last reload was taken over, 0 when it was refused.",
  },
  config_last_reload_success_timestamp_seconds: {
    help: "When a configuration was last taken over, since the epoch.",
    unlogged: true,
  },
  build: {
    help: "What runs.",
    labels: ["version", "deno", "target"],
    info: true,
    unlogged: true,
  },
});

function counters<T extends string>(
  rows: Record<T, CounterDeclaration>,
): Readonly<Record<T, CounterDeclaration>> {
  return rows;
}

function histograms<T extends string>(
  rows: Record<T, HistogramDeclaration>,
): Readonly<Record<T, HistogramDeclaration>> {
  return rows;
}

function gauges<T extends string>(
  rows: Record<T, GaugeDeclaration>,
): Readonly<Record<T, GaugeDeclaration>> {
  return rows;
}
