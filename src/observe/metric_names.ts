/** Every counter and gauge there is: its name, what it tells, and its label. */
import type { EndReason } from "../port/messages.ts";

interface CounterDeclaration {
  readonly help: string;
  readonly label?: string;
  /** All values of the label, so that each is there, as zero, from the start. */
  readonly values?: readonly string[];
}

interface GaugeDeclaration {
  readonly help: string;
  readonly label?: string;
}

/** The keys are checked against EndReason: a reason that is missing here does not compile. */
const END_REASONS: Readonly<Record<EndReason, true>> = {
  "client-closed": true,
  "backend-closed": true,
  "logout": true,
  "idle": true,
  "kicked": true,
  "moved": true,
  "drained": true,
  "max-connections": true,
  "preauth-timeout": true,
  "preauth-limit": true,
  "auth-attempts": true,
  "tls-failed": true,
  "cleartext-after-starttls": true,
  "proxy-header": true,
  "backend-unavailable": true,
  "hold-overflow": true,
  "worker-lost": true,
  "error": true,
};

export const COUNTERS = counters({
  connections_accepted: { help: "Connections that got a slot." },
  connections_refused: {
    help: "Connections closed at once because of max_connections.",
  },
  logins_accepted: { help: "Logins that the backend accepted." },
  logins_refused: { help: "Logins that the backend refused." },
  logins_unavailable: {
    help:
      "Logins answered with a temporary failure: backend, route or hold not available.",
  },
  cache_hits: { help: "Logins routed from a worker's own cache." },
  bytes_in: { help: "Bytes from clients to backends, of ended sessions." },
  bytes_out: { help: "Bytes from backends to clients, of ended sessions." },
  sessions_ended: {
    help: "Sessions that are over, by what ended them.",
    label: "reason",
    values: Object.keys(END_REASONS),
  },
  store_failures: { help: "Lookups that the mapping store did not answer." },
  undeclared_destinations: {
    help: "Lookups answered with a destination that is not configured.",
  },
  workers_lost: { help: "Data-plane workers that died and were replaced." },
  config_reloads: { help: "Configurations taken over, the first included." },
  config_reload_failures: { help: "Configurations refused at a reload." },
  bugs: { help: "Errors that nothing in the program expects." },
});

export const GAUGES = gauges({
  active_connections: { help: "Connections now.", label: "listener" },
  active_sessions: { help: "Sessions past routing now.", label: "destination" },
  held_logins: { help: "Logins waiting for the end of a hold now." },
  cache_entries: { help: "Identifiers in the control plane's route cache." },
  legs_down: { help: "Legs taken down by their breaker now." },
  workers: { help: "Data-plane workers." },
  config_generation: { help: "Number of the configuration in force." },
});

function counters<T extends string>(
  rows: Record<T, CounterDeclaration>,
): Readonly<Record<T, CounterDeclaration>> {
  return rows;
}

function gauges<T extends string>(
  rows: Record<T, GaugeDeclaration>,
): Readonly<Record<T, GaugeDeclaration>> {
  return rows;
}
