import type { ControlNotices, LimitCause } from "../port/messages.ts";
import type { Parts } from "./parts.ts";
import type { SupervisorEvents } from "./supervisor.ts";
import { workerLine } from "./worker_line.ts";

/** One leg, as the workers name it. */
export type LegName = ControlNotices["rootWanted"];

/** What the workers may ask and tell. */
export function workerEvents(
  parts: () => Parts,
  rootWanted: (leg: LegName) => void,
): SupervisorEvents {
  return {
    handlers: (worker) => ({
      requests: {
        lookup({ identifier }) {
          const { resolver, metrics } = parts();
          const route = resolver.resolve(identifier);
          const result = route instanceof Promise ? "miss" : "hit";
          metrics.add("cache_lookups", 1, result);
          return route;
        },
        hold: (request) => parts().holds.wait(worker, request),
        breakerProbe: ({ destination, protocol }) =>
          parts().breakers.grantProbe(destination, protocol),
        slots: ({ listener, want }) =>
          parts().slots.grant(worker, listener, want),
        takeConnection: (who) =>
          refusal(parts(), parts().limits.takeConnection(worker, who)),
        takeLogin: (who) =>
          refusal(parts(), parts().limits.takeLogin(worker, who)),
        loginFailed: (who) => parts().limits.failed(who),
      },
      notices: {
        sessions: (events) => parts().registry.apply(worker, events),
        logs(lines) {
          const { log, shorten } = parts();
          log.logLines(lines.map((line) => workerLine(line, shorten)));
        },
        counters: (increments) => parts().metrics.addAll(increments),
        observations: (counted) => parts().metrics.observeAll(counted),
        legs: (reports) => {
          for (const report of reports) {
            parts().traffic.reported(report);
            parts().breakers.report(report);
          }
        },
        rootWanted,
        trace: (step) => parts().traces.told(step),
        holdLeave: ({ session }) => parts().holds.leave(session),
        leaveLogin: ({ session }) => parts().limits.leaveLogin(session),
        leave: ({ session }) => parts().limits.leave(session),
        slotsBack: ({ listener, count }) =>
          parts().slots.back(worker, listener, count),
      },
    }),
    lost(worker, reason) {
      const { log, metrics, registry, holds, limits, slots } = parts();
      const sessions = registry.workerLost(worker);
      holds.workerLost(worker);
      limits.workerLost(worker);
      slots.workerLost(worker);
      metrics.add("workers_lost");
      log.error("worker_lost", { worker, reason, sessions });
    },
    briefing: () => ({
      legs: parts().breakers.states(),
      held: parts().holds.current().map(({ identifier }) => identifier),
      traced: parts().traces.accounts(),
    }),
  };
}

/** What a limit answered, counted when it is a refusal. */
function refusal(
  { metrics }: Parts,
  cause: LimitCause | null,
): LimitCause | null {
  if (cause !== null) metrics.add("limit_refusals", 1, cause);
  return cause;
}
