import { DialFailed } from "../net/dial.ts";
import type { LegSnapshot } from "../port/snapshot.ts";
import { BackendFailure } from "../protocols/protocol.ts";
import type { Attempt } from "./attempt.ts";
import type { WorkerCore } from "./core.ts";
import { Unavailable } from "./replay.ts";
import type { Session } from "./session.ts";

/**
 * Use a leg unless its breaker is open, and tell the breaker how that went. Throws Unavailable, what
 * `use` throws, or what cancelled the attempt.
 */
export async function throughBreaker<T>(
  core: WorkerCore,
  session: Session,
  attempt: Attempt,
  leg: LegSnapshot,
  use: () => Promise<T>,
): Promise<T> {
  await passBreaker(core, attempt, leg);
  let result: T;
  try {
    result = await use();
  } catch (error) {
    attempt.check();
    if (error instanceof DialFailed) report(core, session, leg, "connect");
    else if (
      error instanceof BackendFailure && !isSlowVerdict(error, attempt)
    ) {
      report(core, session, leg, "late");
    }
    throw error;
  }
  if (core.breakers.wantsSuccess(leg.destination, leg.protocol)) {
    report(core, session, leg, "success");
  }
  return result;
}

/**
 * Servers delay the answer to a wrong password, and some requests take long: who asks for that must not take
 * the leg down for others.
 */
function isSlowVerdict(error: BackendFailure, attempt: Attempt): boolean {
  const isVerdict = error.stage === "auth" || error.stage === "response";
  return isVerdict && attempt.timedOut;
}

async function passBreaker(
  core: WorkerCore,
  attempt: Attempt,
  leg: LegSnapshot,
): Promise<void> {
  const { destination, protocol } = leg;
  if (leg.closed) {
    throw new Unavailable(
      `destination ${destination} is closed for ${protocol} by an administrator`,
    );
  }
  const state = core.breakers.state(destination, protocol);
  if (state === "closed") return;
  const granted = state === "ask" &&
    await attempt.interruptible(
      core.port.call("breakerProbe", { destination, protocol }),
    );
  if (!granted) {
    throw new Unavailable(
      `destination ${destination} is marked down for ${protocol}`,
    );
  }
}

function report(
  core: WorkerCore,
  session: Session,
  leg: LegSnapshot,
  outcome: "success" | "connect" | "late",
): void {
  core.port.notify("legs", [{
    destination: leg.destination,
    protocol: leg.protocol,
    outcome,
    client: session.client.hostname,
  }]);
}
