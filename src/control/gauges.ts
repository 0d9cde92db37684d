import type { LoadedCertificate } from "../config/resources.ts";
import type { Config } from "../config/schema.ts";
import type { Metrics, Sample } from "../observe/metrics.ts";
import type { LegState } from "../port/messages.ts";
import type { Parts } from "./parts.ts";

const BREAKER_STATES: readonly LegState["state"][] = ["closed", "down", "ask"];

/** Tie the gauges to the parts that know their values, with the names of a configuration as labels. */
export function provideGauges(parts: Parts, config: Config): void {
  const { metrics, registry, holds, limits, resolver, breakers, supervisor } =
    parts;
  const counts = (table: object, count: (name: string) => number): Sample[] =>
    Object.keys(table).map((name) => ({ values: [name], value: count(name) }));
  metrics.gauge(
    "active_connections",
    () => counts(config.listener, (name) => registry.activeOf(name)),
  );
  metrics.gauge(
    "active_sessions",
    () => counts(config.destination, (name) => registry.activeAt(name)),
  );
  metrics.gauge("held_logins", () => holds.waiting);
  metrics.gauge("limits_refused", () => limits.refused);
  metrics.gauge("cache_entries", () => resolver.stats().entries);
  metrics.gauge("store_up", () => parts.store.health().serving ? 1 : 0);
  const legs = () =>
    breakers.status().flatMap(({ destination, legs }) =>
      legs.map((leg) => ({ destination, ...leg }))
    );
  metrics.gauge("legs_down", () => legs().filter(({ down }) => down).length);
  metrics.gauge(
    "breaker_state",
    () =>
      legs().flatMap(({ destination, protocol }) => {
        const now = breakers.stateOf(destination, protocol);
        return BREAKER_STATES.map((state) => ({
          values: [destination, protocol, state],
          value: state === now ? 1 : 0,
        }));
      }),
  );
  const { cluster } = parts;
  const clustered = (value: () => number) => () =>
    cluster.isConfigured ? value() : [];
  metrics.gauge(
    "cluster_up",
    clustered(() => cluster.problem === null ? 1 : 0),
  );
  metrics.gauge(
    "cluster_members",
    clustered(() =>
      cluster.members().filter(({ reachable }) => reachable).length
    ),
  );
  metrics.gauge("workers", () => supervisor.size);
  metrics.gauge("heap_bytes", () => [
    { values: ["control"], value: Deno.memoryUsage().heapUsed },
    ...supervisor.heaps().map(({ worker, heapUsed }) => ({
      values: [`worker-${worker}`],
      value: heapUsed,
    })),
  ]);
  metrics.gauge("resident_memory_bytes", () => Deno.memoryUsage().rss);
}

/** The configuration in force, as the daemon knows it. */
export interface ServedFacts {
  readonly generation: number;
  readonly isLastReloadDone: boolean;
  /** Milliseconds since the epoch. */
  readonly loadedAt: number;
  readonly certificates: readonly LoadedCertificate[];
}

/** Tie the gauges about what is served, and by which program, to whoever knows. */
export function provideServedGauges(
  metrics: Metrics,
  version: string,
  served: () => ServedFacts,
): void {
  metrics.gauge("config_generation", () => served().generation);
  metrics.gauge(
    "config_last_reload_successful",
    () => served().isLastReloadDone ? 1 : 0,
  );
  metrics.gauge(
    "config_last_reload_success_timestamp_seconds",
    () => served().loadedAt / 1000,
  );
  metrics.gauge(
    "certificate_expiry_timestamp_seconds",
    () =>
      served().certificates.map(({ name, notAfter }) => ({
        values: [name],
        value: notAfter.getTime() / 1000,
      })),
  );
  const values = [version, Deno.version.deno, Deno.build.target];
  metrics.gauge("build", () => [{ values, value: 1 }]);
}
