/// <reference lib="deno.worker" />
/** The data plane: one of these runs in each worker thread. */
import type {
  ControlNotices,
  ControlRequests,
  KickTarget,
  WorkerNotices,
  WorkerRequests,
} from "../port/messages.ts";
import { watchLoop } from "../observe/loop_lag.ts";
import { Port } from "../port/port.ts";
import { readyForRoutes } from "../route/http_routes.ts";
import { WorkerCore, type WorkerPort } from "./core.ts";
import { reportChange, Serving } from "./serving.ts";
import type { Session } from "./session.ts";

/** The worker's number and process-wide address block, from its name: `worker-3`. */
const number = Number(self.name.split("-").at(-1));
/** An address of its own for each process and worker spreads the ephemeral ports of upgrades to TLS. */
const loopbackHost = `127.${1 + (Deno.pid >> 8) % 250}.${1 + Deno.pid % 250}.${
  1 + number % 250
}`;

const port: WorkerPort = new Port<
  ControlRequests,
  ControlNotices,
  WorkerRequests,
  WorkerNotices
>(self, {
  prepare: async (snapshot) => {
    await readyForRoutes(snapshot.http?.routes ?? []);
    serving.prepare(snapshot);
    return null;
  },
  commit: ({ generation }) => {
    serving.commit(generation);
    return null;
  },
  retire: () => {
    serving.retire();
    return null;
  },
  abort: () => {
    serving.abort();
    return null;
  },
  invalidate: ({ identifiers }) => {
    for (const identifier of identifiers ?? [null]) {
      core.routes.invalidate(identifier);
      for (const session of affected(identifier)) {
        if (session.attempt) session.attempt.stale = true;
      }
    }
    return null;
  },
  kick: ({ target, reason }) => {
    const sessions = [...targets(target)];
    for (const session of sessions) session.end(reason);
    return sessions.length;
  },
  evict: ({ moved }) =>
    moved.map(({ account, destination }) => {
      const sessions = [...core.sessions.ofAccount(account)]
        .filter((session) =>
          session.stage !== "hold" && session.destination !== destination
        );
      for (const session of sessions) session.end("moved");
      return sessions.length;
    }),
  hold: ({ identifiers, held }) => {
    for (const identifier of identifiers) {
      if (held) core.held.add(identifier);
      else core.held.delete(identifier);
    }
    return null;
  },
  trace: ({ identifier, traced }) => {
    if (traced) core.traced.add(identifier);
    else core.traced.delete(identifier);
    return null;
  },
  reclaimSlots: ({ listener }) => core.slots.reclaim(listener),
  flush: () => {
    for (const session of core.sessions.all()) {
      const bytes = session.flow.forward + session.flow.backward;
      if (
        session.unreported || session.stage !== session.reportedStage ||
        bytes !== session.reportedBytes
      ) reportChange(core, session);
    }
    core.reporter.flush();
    return null;
  },
  drain: ({ part }) => {
    serving.drain();
    core.leaving = true;
    if (!part) return null;
    core.draining = true;
    // Who has not logged in has nothing to finish.
    for (const session of core.sessions.all()) {
      if (session.part) session.end("drained");
    }
    return null;
  },
  inspect: () => ({
    sessions: core.sessions.size,
    pendingPairs: core.served?.loopback.pending ?? 0,
    routes: core.routes.size,
    heapUsed: Deno.memoryUsage().heapUsed,
  }),
}, {
  breaker: (states) => core.breakers.update(states),
});

const core = new WorkerCore(port);
const serving = new Serving(core, loopbackHost);
watchLoop((lag) =>
  core.reporter.observe("loop_lag_seconds", lag / 1000, "worker")
);

function affected(identifier: string | null): Iterable<Session> {
  return identifier === null
    ? core.sessions.all()
    : core.sessions.ofAccount(identifier);
}

function targets(target: KickTarget): Iterable<Session> {
  if ("all" in target) return core.sessions.all();
  if ("account" in target) return core.sessions.ofAccount(target.account);
  if ("session" in target) {
    const session = core.sessions.get(target.session);
    return session ? [session] : [];
  }
  const { destination, protocol } = target;
  return [...core.sessions.all()].filter((session) =>
    session.destination === destination &&
    (protocol === null || session.listener.protocol === protocol)
  );
}

// A promise that nobody waited for is a bug of ours; it must not take the worker's sessions with it.
self.addEventListener("unhandledrejection", (event) => {
  event.preventDefault();
  const error: unknown = event.reason;
  core.reporter.count("bugs");
  core.reporter.log("error", "bug", {
    error: error instanceof Error
      ? error.stack ?? error.message
      : String(error),
  });
});

port.notify("ready", null);
