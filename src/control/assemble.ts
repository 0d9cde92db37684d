import type { Config } from "../config/schema.ts";
import { systemClock } from "../observe/clock.ts";
import type { Log } from "../observe/log.ts";
import { Metrics } from "../observe/metrics.ts";
import { Resolver } from "../route/resolver.ts";
import type { ControlNotices } from "../port/messages.ts";
import type { MappingStore } from "../store/store.ts";
import { Breakers } from "./breakers.ts";
import { Holds } from "./holds.ts";
import type { Parts } from "./parts.ts";
import { SessionRegistry } from "./registry.ts";
import { sessionEndLine } from "./session_end_line.ts";
import {
  breakerLegs,
  breakerSettings,
  connectionLimits,
  resolverSettings,
} from "./settings.ts";
import { SlotPool } from "./slots.ts";
import { Supervisor, type SupervisorEvents } from "./supervisor.ts";

/** One leg, as the workers name it. */
export type LegName = ControlNotices["rootWanted"];

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
  const down = new Set<string>();
  const breakers = new Breakers(
    breakerSettings(config),
    systemClock,
    (states) => {
      for (const { destination, protocol, state } of states) {
        const leg = `${destination}/${protocol}`;
        if (state === "down" && !down.has(leg)) {
          down.add(leg);
          log.warn("destination_down", { destination, protocol });
        } else if (state === "closed" && down.delete(leg)) {
          log.info("destination_up", { destination, protocol });
        }
      }
      supervisor.tell("breaker", states);
    },
  );
  const limits = { current: connectionLimits(config) };
  // The workers' answers to the latest change of a hold.
  let told: Promise<unknown> = Promise.resolve();
  const holds = new Holds(
    (listener) => limits.current.get(listener) ?? 0,
    systemClock,
    (identifier, held) => {
      told = supervisor.ask("hold", { identifier, held });
    },
  );
  const slots = new SlotPool(
    (worker, listener) =>
      supervisor.askOne(worker, "reclaimSlots", { listener }),
    systemClock,
  );
  const resolver = new Resolver(store, resolverSettings(config), {
    storeFailed: (identifier, reason) => {
      metrics.add("store_failures");
      log.warn("store_failed", { account: shorten(identifier), reason });
    },
    undeclared: (identifier, destination) => {
      metrics.add("undeclared_destinations");
      log.warn("undeclared_destination", {
        account: shorten(identifier),
        destination,
      });
    },
  }, systemClock);
  const registry = new SessionRegistry((record) => {
    metrics.sessionEnded(record.reason);
    metrics.add("bytes_in", record.bytesIn);
    metrics.add("bytes_out", record.bytesOut);
    log.write(sessionEndLine(record, shorten));
  });
  const parts: Parts = {
    log,
    metrics,
    supervisor,
    registry,
    breakers,
    holds,
    slots,
    resolver,
    store,
    shorten,
    async hold(account, seconds) {
      holds.delay(account, seconds);
      await told;
    },
    configure(next) {
      limits.current = connectionLimits(next);
      slots.configure(limits.current);
      resolver.configure(resolverSettings(next), parts.store);
      provideGauges(parts, next);
      breakers.configure(
        breakerSettings(next),
        Object.keys(next.destination),
        breakerLegs(next),
      );
    },
  };
  parts.configure(config);
  return parts;
}

function provideGauges(parts: Parts, config: Config): void {
  const { metrics, registry, holds, resolver, breakers, supervisor } = parts;
  const counts = (names: string[], count: (name: string) => number) =>
    new Map(names.map((name) => [name, count(name)]));
  metrics.gauge(
    "active_connections",
    () => counts(Object.keys(config.listener), (l) => registry.activeOf(l)),
  );
  metrics.gauge(
    "active_sessions",
    () => counts(Object.keys(config.destination), (d) => registry.activeAt(d)),
  );
  metrics.gauge("held_logins", () => holds.waiting);
  metrics.gauge("cache_entries", () => resolver.stats().entries);
  metrics.gauge(
    "legs_down",
    () =>
      breakers.status().flatMap(({ legs }) => legs).filter(({ down }) => down)
        .length,
  );
  metrics.gauge("workers", () => supervisor.size);
}

/** What the workers may ask and tell. */
function workerEvents(
  parts: () => Parts,
  rootWanted: (leg: LegName) => void,
): SupervisorEvents {
  return {
    handlers: (worker) => ({
      requests: {
        lookup: ({ identifier }) => parts().resolver.resolve(identifier),
        hold: (request) => parts().holds.wait(worker, request),
        breakerProbe: ({ destination, protocol }) =>
          parts().breakers.grantProbe(destination, protocol),
        slots: ({ listener, want }) =>
          parts().slots.grant(worker, listener, want),
      },
      notices: {
        sessions: (events) => parts().registry.apply(worker, events),
        logs: (lines) => parts().log.logLines(lines),
        counters: (increments) => parts().metrics.addAll(increments),
        legs: (reports) => {
          for (const report of reports) parts().breakers.report(report);
        },
        rootWanted,
        holdLeave: ({ session }) => parts().holds.leave(session),
        slotsBack: ({ listener, count }) =>
          parts().slots.back(worker, listener, count),
      },
    }),
    lost(worker, reason) {
      const { log, metrics, registry, holds, slots } = parts();
      const sessions = registry.workerLost(worker);
      holds.workerLost(worker);
      slots.workerLost(worker);
      metrics.add("workers_lost");
      log.error("worker_lost", { worker, reason, sessions });
    },
    briefing: () => ({
      legs: parts().breakers.states(),
      held: parts().holds.current().map(({ identifier }) => identifier),
    }),
  };
}
