import type { LegSnapshot, WorkerSnapshot } from "../port/snapshot.ts";
import { SessionEnd } from "../protocols/session_end.ts";
import { Attempt } from "./attempt.ts";
import { throughBreaker } from "./breaker_gate.ts";
import type { WorkerCore } from "./core.ts";
import { LIMIT_WORDS } from "./limit_gate.ts";
import { watchClient } from "./login.ts";
import {
  beginSession,
  closeWith,
  disarmPreauth,
  fail,
  runBridge,
} from "./pipeline.ts";
import { connect, isUnavailability, Unavailable } from "./replay.ts";
import type { Session } from "./session.ts";

/**
 * The story of an smtp or lmtp session, which has no login: all that is decided here is whether its
 * destination can be reached. Never rejects; the session's `ended` says why it is over, and its
 * connections are closed.
 */
export async function runPassthrough(
  core: WorkerCore,
  session: Session,
): Promise<void> {
  try {
    const limit = await beginSession(core, session, () => null);
    if (limit !== null) {
      session.mark("limit", LIMIT_WORDS[limit]);
      return await closeWith(core, session, words(core, session, "4.7.0"));
    }
    disarmPreauth(session);
    await reach(core, session);
    await runBridge(core, session);
  } catch (error) {
    await fail(core, session, null, error);
  } finally {
    disarmPreauth(session);
    session.leg.close();
    session.backend?.close();
  }
}

/** Connect to the destination. Throws SessionEnd, the client being answered, when that cannot be done. */
async function reach(core: WorkerCore, session: Session): Promise<void> {
  const attempt = new Attempt();
  session.attempt = attempt;
  watchClient(session);
  try {
    const leg = legOf(core.generation.snapshot, session);
    session.destination = leg.destination;
    session.unreported = true;
    await throughBreaker(
      core,
      session,
      attempt,
      leg,
      () => connect(core, session, attempt, leg),
    );
    attempt.check();
    session.backend = attempt.leg;
    session.stage = "bridge";
    reportBridge(core, session);
  } catch (error) {
    attempt.leg?.close();
    const end = attempt.cancelled ??
      (isUnavailability(error)
        ? new SessionEnd("backend-unavailable", error.message)
        : null);
    if (end === null) throw error;
    session.mark(end.reason, end.message);
    if (end.reason !== "client-closed") {
      await closeWith(core, session, words(core, session, "4.3.0"));
    }
    throw end;
  } finally {
    session.attempt = null;
  }
}

function legOf(
  { smtpPassthrough, destinations }: WorkerSnapshot,
  { listener }: Session,
): LegSnapshot {
  const leg = smtpPassthrough === null
    ? undefined
    : destinations[smtpPassthrough]?.legs[listener.protocol];
  if (leg) return leg;
  // A reload may have taken it away since the accept.
  throw new Unavailable(`no pass-through leg for ${listener.protocol}`);
}

/** RFC 5321 3.8 and 4.2.1: 421 may come at any moment, and the connection closes behind it. */
function words(
  core: WorkerCore,
  session: Session,
  status: "4.3.0" | "4.7.0",
): string {
  const name = core.generation.snapshot.hostname ?? session.local.hostname;
  return `421 ${status} ${name} Service not available, closing connection\r\n`;
}

function reportBridge(core: WorkerCore, session: Session): void {
  session.unreported = false;
  core.reporter.session({
    kind: "change",
    id: session.id,
    stage: "bridge",
    destination: session.destination,
  });
}
