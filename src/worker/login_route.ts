/** Where a login goes: behind a hold, by a lookup that is true when it counts. */
import type { RouteAnswer } from "../port/messages.ts";
import type { LegSnapshot, WorkerSnapshot } from "../port/snapshot.ts";
import type { Attempt } from "./attempt.ts";
import type { WorkerCore } from "./core.ts";
import { Unavailable } from "./replay.ts";
import type { Session } from "./session.ts";

/** The hold comes before the lookup: what is looked up must be true when the hold has ended. */
export async function waitOutHold(
  core: WorkerCore,
  session: Session,
  attempt: Attempt,
  account: string,
): Promise<void> {
  while (core.held.has(account)) {
    session.stage = "hold";
    attempt.trace?.tell("held");
    try {
      const { granted } = await attempt.interruptible(
        core.port.call("hold", {
          identifier: account,
          listener: session.listener.name,
          session: session.id,
        }),
      );
      if (!granted) {
        throw new Unavailable(
          "too many logins of this account or listener are held already",
        );
      }
    } catch (error) {
      if (attempt.cancelled) {
        core.port.notify("holdLeave", { session: session.id });
      }
      throw error;
    }
  }
}

/** From this worker's cache, if it is there. */
export function knownRoute(
  core: WorkerCore,
  session: Session,
  account: string,
): RouteAnswer | undefined {
  // A move ends sessions that may know where the account was, but none that still waits in a hold.
  session.stage = "lookup";
  const known = core.routes.get(account);
  if (known) core.reporter.count("cache_hits");
  return known;
}

/** From this worker's cache, or the control plane. */
export async function lookUp(
  core: WorkerCore,
  session: Session,
  attempt: Attempt,
  account: string,
): Promise<RouteAnswer> {
  const known = knownRoute(core, session, account);
  if (known) return known;
  for (;;) {
    attempt.stale = false;
    const answer = await attempt.interruptible(
      core.port.call("lookup", { identifier: account }),
    );
    if ("refused" in answer) throw new Unavailable(answer.refused);
    // An answer that was made before an invalidation may be posted behind it: ask again.
    if (attempt.stale) continue;
    core.routes.put(account, answer);
    return answer;
  }
}

/** Throws Unavailable where the destination has none for the protocol. */
export function legOf(
  snapshot: WorkerSnapshot,
  route: Pick<RouteAnswer, "destination">,
  session: Session,
): LegSnapshot {
  const leg = snapshot.destinations[route.destination]
    ?.legs[session.listener.protocol];
  if (leg) return leg;
  throw new Unavailable(
    `destination ${route.destination} has no leg for ${session.listener.protocol}`,
  );
}

/**
 * The mapping is looked at again right before the bridge when it may have changed meanwhile: an
 * account that has moved must not land on its old server.
 */
export async function confirmRoute(
  core: WorkerCore,
  session: Session,
  attempt: Attempt,
  account: string,
  leg: LegSnapshot,
): Promise<void> {
  while (attempt.stale) {
    attempt.stale = false;
    const { destination } = await lookUp(core, session, attempt, account);
    if (!leadsTo(core, destination, leg)) attempt.cancel("moved");
    attempt.check();
  }
}

/** Whether a login that is routed to `destination` now would reach the server of `leg`. */
export function leadsTo(
  core: WorkerCore,
  destination: string,
  leg: LegSnapshot,
): boolean {
  const now = core.generation.snapshot.destinations[destination]
    ?.legs[leg.protocol];
  return destination === leg.destination && now?.host === leg.host &&
    now.port === leg.port;
}
