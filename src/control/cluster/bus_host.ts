import type { BusEvents, BusHost } from "../../cluster/bus.ts";
import { renewHere } from "../everywhere.ts";
import type { Parts } from "../parts.ts";
import { carryOut } from "./requests.ts";

/** This proxy, as the bus sees it. */
export function busHost(parts: Parts, version: string): BusHost {
  const { registry, predecessors, holds } = parts;
  return {
    version,
    sessions: () => registry.active + predecessors.connections,
    handle: (request) => carryOut(parts, request),
    // What was known still counts where the store cannot be asked, which may be on the same server.
    joining: () => renewHere(parts, null, false),
    briefing: () =>
      holds.current().flatMap(({ identifier, remaining }) =>
        remaining > 0
          ? [{
            name: "hold",
            argument: { identifier, seconds: remaining / 1000 },
          }]
          : []
      ),
    amends: {
      name: "forget",
      argument: { identifiers: null, changed: false },
    },
    events: busEvents(parts),
  };
}

function busEvents({ log, metrics }: Parts): BusEvents {
  return {
    up: () => log.info("cluster_up"),
    down(reason) {
      metrics.add("cluster_losses");
      log.error("cluster_down", { reason });
    },
    memberCame: (node) => log.info("cluster_member_came", { node }),
    memberLeft: (node) => log.info("cluster_member_left", { node }),
    nameTaken: (node) => log.warn("cluster_name_taken", { node }),
    unreached(request, who) {
      metrics.add("cluster_unreached", 1, request);
      log.warn("cluster_unreached", { request, who: who.join("; ") });
    },
    message: (direction) => metrics.add("cluster_messages", 1, direction),
    answered: (after) =>
      metrics.observe("cluster_answer_duration_seconds", after / 1000),
  };
}
