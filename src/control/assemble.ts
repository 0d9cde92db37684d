import type { Config } from "../config/schema.ts";
import { systemClock } from "../observe/clock.ts";
import { SharedTimers } from "../observe/shared_timers.ts";
import type { Log } from "../observe/log.ts";
import { Metrics } from "../observe/metrics.ts";
import { Resolver, type ResolverEvents } from "../route/resolver.ts";
import { legName } from "../port/leg_name.ts";
import type { LegState } from "../port/messages.ts";
import type { MappingStore } from "../store/store.ts";
import { Breakers } from "./breakers.ts";
import { provideGauges } from "./gauges.ts";
import { ClusterLink } from "./cluster/cluster_link.ts";
import { Holds } from "./holds.ts";
import { Journal } from "./journal.ts";
import { Limits } from "./limits.ts";
import type { Parts } from "./parts.ts";
import { SessionRegistry } from "./registry.ts";
import { sessionEndLine } from "./session_end_line.ts";
import {
  breakerLegs,
  breakerSettings,
  connectionLimits,
  limitSettings,
  resolverSettings,
} from "./settings.ts";
import { NO_CAPS } from "./served.ts";
import { SlotPool } from "./slots.ts";
import { Traces } from "./traces.ts";
import { ChangeGate } from "./takeover/change_gate.ts";
import {
  type PredecessorEvents,
  Predecessors,
} from "./takeover/predecessors.ts";
import { Supervisor } from "./supervisor.ts";
import { Traffic } from "./traffic.ts";
import { type LegName, workerEvents } from "./worker_events.ts";

/** Make the parts of the control plane and tie them to each other; nothing runs yet. */
export function assemble(
  config: Config,
  store: MappingStore,
  log: Log,
  shorten: (identifier: string) => string,
  /** A worker would like to know which authority signs for a leg. */
  rootWanted: (leg: LegName) => void,
): Parts {
  const metrics = new Metrics();
  const supervisor = new Supervisor(
    config.server.threads || navigator.hardwareConcurrency || 1,
    workerEvents(() => parts, rootWanted),
  );
  const traffic = new Traffic();
  const journal = new Journal();
  log.tap = (line) => journal.take(line);
  const breakers = new Breakers(
    breakerSettings(config),
    systemClock,
    breakerChanges(
      log,
      traffic,
      (states) => supervisor.tell("breaker", states),
    ),
  );
  const maxConnections = { current: connectionLimits(config) };
  // The workers' answers to the latest change of a hold.
  let told: Promise<unknown> = Promise.resolve();
  const holds = new Holds(
    (listener) => maxConnections.current.get(listener) ?? 0,
    systemClock,
    (identifiers, held) => {
      told = supervisor.ask("hold", { identifiers, held });
    },
  );
  const limits = new Limits(limitSettings(config), systemClock);
  const slots = new SlotPool(
    (worker, listener) =>
      supervisor.askOne(worker, "reclaimSlots", { listener }),
    systemClock,
  );
  const resolver = new Resolver(
    store,
    resolverSettings(config),
    lookupFaults(metrics, log, shorten),
    new SharedTimers(),
  );
  const registry = new SessionRegistry(
    (record) => {
      metrics.add("sessions_ended", 1, record.protocol, record.reason);
      traffic.closed(record);
      log.write(sessionEndLine(record, shorten));
    },
    Date.now,
    {
      opened: (listener) => traffic.opened(listener),
      routed: (...where) => traffic.routed(...where),
      carried(place, bytesIn, bytesOut) {
        traffic.carried(place, bytesIn, bytesOut);
        metrics.add("bytes", bytesIn, place.protocol, "in");
        metrics.add("bytes", bytesOut, place.protocol, "out");
      },
    },
  );
  const traces = new Traces((identifier, traced) =>
    supervisor.ask("trace", { identifier, traced })
  );
  const parts: Parts = {
    log,
    metrics,
    supervisor,
    registry,
    breakers,
    holds,
    limits,
    slots,
    traffic,
    journal,
    resolver,
    traces,
    store,
    shorten,
    gate: new ChangeGate(),
    predecessors: new Predecessors(predecessorEvents(log, slots)),
    cluster: new ClusterLink(),
    async hold(account, seconds) {
      holds.delay(account, seconds);
      await told;
    },
    async pin(accounts) {
      const release = holds.pin(accounts);
      await told;
      return release;
    },
    configure({ config: next, caps }) {
      maxConnections.current = connectionLimits(next);
      slots.configure(maxConnections.current, caps.maxConnections);
      limits.configure(limitSettings(next));
      resolver.configure(resolverSettings(next), parts.store);
      traffic.configure(next);
      provideGauges(parts, next);
      breakers.configure(
        breakerSettings(next),
        Object.keys(next.destination),
        breakerLegs(next),
      );
    },
  };
  parts.configure({ config, caps: NO_CAPS });
  return parts;
}

/** Log when a leg is out of service and when it is back, count it, and tell the workers. */
function breakerChanges(
  log: Log,
  traffic: Traffic,
  tell: (states: readonly LegState[]) => void,
): (states: readonly LegState[]) => void {
  const down = new Set<string>();
  return (states) => {
    for (const change of states) {
      traffic.switched(change);
      const { destination, protocol, state } = change;
      const leg = legName(destination, protocol);
      if (state === "down" && !down.has(leg)) {
        down.add(leg);
        log.warn("destination_down", { destination, protocol });
      } else if (state === "closed" && down.delete(leg)) {
        log.info("destination_up", { destination, protocol });
      }
    }
    tell(states);
  };
}

function lookupFaults(
  metrics: Metrics,
  log: Log,
  shorten: (identifier: string) => string,
): ResolverEvents {
  return {
    storeFailed(identifier, reason) {
      metrics.add("store_failures");
      log.warn("store_failed", { account: shorten(identifier), reason });
    },
    undeclared(identifier, destination) {
      metrics.add("undeclared_destinations");
      log.warn("undeclared_destination", {
        account: shorten(identifier),
        destination,
      });
    },
  };
}

function predecessorEvents(log: Log, slots: SlotPool): PredecessorEvents {
  return {
    counted(pid, counts) {
      for (const [listener, count] of Object.entries(counts)) {
        slots.occupied(-pid, listener, count);
      }
    },
    stuck(pid) {
      log.error("old_process_stuck", { pid });
      killQuietly(pid);
    },
    gone({ pid, socket }) {
      slots.workerLost(-pid);
      // One that was killed has left it behind.
      void Deno.remove(socket).catch(() => {});
      log.info("old_process_gone", { pid });
    },
  };
}

function killQuietly(pid: number): void {
  try {
    Deno.kill(pid, "SIGKILL");
  } catch {
    // It has ended meanwhile.
  }
}
