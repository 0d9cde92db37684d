import {
  type BackendVerdict,
  type Frontend,
  type LineProtocol,
  type Login,
  type Refusal,
} from "../protocols/protocol.ts";
import { SessionEnd } from "../protocols/session_end.ts";
import {
  identifierOf,
  InvalidIdentifier,
  routeKey,
} from "../route/identifier.ts";
import { Attempt } from "./attempt.ts";
import { throughBreaker } from "./breaker_gate.ts";
import type { WorkerCore } from "./core.ts";
import { OverLimit } from "./limit_gate.ts";
import { traceOf } from "./login_trace.ts";
import {
  countLogin,
  logLogin,
  observeLogin,
  observeStages,
  reportBridge,
} from "./login_report.ts";
import { confirmRoute, legOf, lookUp, waitOutHold } from "./login_route.ts";
import { isUnavailability, replay, Unavailable } from "./replay.ts";
import type { Session } from "./session.ts";

/** Bytes that a client may send behind its login before the backend takes them. */
const PIPELINE_MAX = 8192;

/** Logins on one connection that may be answered with a temporary failure. */
const UNAVAILABLE_MAX = 10;

/** `refused`: by the backend or a limit, counted; `continue`: answered, not counted. */
export type LoginOutcome = "bridge" | "refused" | "continue" | "close";

/**
 * Take one login from its identifier to the edge of the bridge (spec section 3). The client has its
 * answer when this resolves. Throws SessionEnd when the session is over.
 */
export async function attemptLogin(
  core: WorkerCore,
  protocol: LineProtocol,
  session: Session,
  frontend: Frontend,
  login: Login,
): Promise<LoginOutcome> {
  const attempt = new Attempt();
  session.attempt = attempt;
  watchClient(session);
  try {
    const verdict = await establish(core, protocol, session, attempt, login);
    if (verdict.kind === "refused") {
      attempt.trace?.tell("refused by the destination");
      return await refused(core, session, frontend, login, attempt, verdict);
    }
    // From here on a kick closes both connections: no other task runs between the last look at the
    // mapping and this line.
    session.backend = attempt.leg;
    session.attempt = null;
    session.stage = "bridge";
    reportBridge(core, session);
    attempt.trace?.tell("accepted: bridged");
    const success = frontend.success(login, verdict.reply);
    await taken(core, session, session.leg.write(success));
    observeLogin(core, session, attempt.times);
    return "bridge";
  } catch (error) {
    attempt.leg?.close();
    const end = attempt.cancelled;
    attempt.trace?.tell(`failed: ${end?.reason ?? (error as Error).message}`);
    if (end) {
      session.attempt = null;
      if (end.reason !== "client-closed") {
        await answer(core, session, frontend, login);
      }
      throw end;
    }
    if (error instanceof OverLimit) {
      return await limited(core, session, frontend, login, attempt, error);
    }
    if (!isUnavailability(error)) throw error;
    const { message } = error;
    return await unavailable(core, session, frontend, login, attempt, message);
  } finally {
    observeStages(core, attempt.times);
    if (session.attempt === attempt) session.attempt = null;
    // A session that is over keeps its account for its close record.
    if (session.ended === null && session.stage !== "bridge") {
      core.limits.leaveLogin(session);
      forget(core, session);
    }
  }
}

/** The login came to nothing: the session is nobody's again. */
export function forget(core: WorkerCore, session: Session): void {
  core.sessions.identify(session, null);
  session.destination = null;
  session.unreported = false;
  if (!session.reported) return;
  session.reported = false;
  core.reporter.session({
    kind: "change",
    id: session.id,
    stage: "preauth",
    identifier: null,
    destination: null,
  });
}

/** Everything from the identifier to the backend's verdict and the last look at the mapping. */
async function establish(
  core: WorkerCore,
  protocol: LineProtocol,
  session: Session,
  attempt: Attempt,
  login: Login,
): Promise<BackendVerdict> {
  const account = identify(core, session, login);
  attempt.trace = traceOf(core, session, login, account);
  await core.limits.login(session, attempt, account);
  const turn = core.paces.logins.turn();
  if (turn !== null) await attempt.interruptible(turn);
  if (core.held.has(account)) {
    await attempt.times.during(
      "hold",
      () => waitOutHold(core, session, attempt, account),
    );
  }
  const route = await attempt.times.during(
    "lookup",
    () => lookUp(core, session, attempt, account),
  );
  attempt.trace?.tell(
    `routed to ${route.destination}${route.isDefault ? " by default" : ""}`,
  );
  const snapshot = core.generation.snapshot;
  const leg = legOf(snapshot, route, session);
  session.destination = route.destination;
  session.unreported = true;
  const verdict = await throughBreaker(
    core,
    session,
    attempt,
    leg,
    () => replay(core, protocol, session, attempt, login, leg),
  );
  if (verdict.kind === "accepted") {
    await confirmRoute(core, session, attempt, account, leg);
  }
  attempt.check();
  return verdict;
}

function identify(core: WorkerCore, session: Session, login: Login): string {
  const { snapshot } = core.generation;
  let account: string;
  try {
    const named = identifierOf(login.credentials, snapshot.jwtUsernameClaim);
    account = routeKey(named, snapshot);
  } catch (error) {
    if (error instanceof InvalidIdentifier) {
      throw new Unavailable(error.message);
    }
    throw error;
  }
  core.sessions.identify(session, account);
  session.unreported = true;
  return account;
}

async function refused(
  core: WorkerCore,
  session: Session,
  frontend: Frontend,
  login: Login,
  attempt: Attempt,
  { lines, temporary }: BackendVerdict & { readonly kind: "refused" },
): Promise<LoginOutcome> {
  attempt.leg?.close();
  const leg = core.generation.snapshot.destinations[session.destination!]
    ?.legs[session.listener.protocol];
  const hide = leg?.hideAuthErrors ?? true;
  countLogin(core, session, temporary ? "unavailable" : "refused");
  const [event, reason] = temporary
    ? ["login_unavailable", "refused for the moment by the backend"]
    : ["login_failed", "refused by the backend"];
  logLogin(core, session, event!, login, reason!, "info");
  if (!temporary) await waitOutFailure(core, session, attempt);
  const refusal: Refusal = temporary && hide
    ? { kind: "unavailable" }
    : { kind: "refused", lines, hide };
  const next = await taken(core, session, frontend.refuse(login, refusal));
  attempt.check();
  if (next === "close") return "close";
  return temporary ? endless(session) : "refused";
}

/** The backend cannot be reached, or nobody knows which one it is. */
async function unavailable(
  core: WorkerCore,
  session: Session,
  frontend: Frontend,
  login: Login,
  attempt: Attempt,
  reason: string,
): Promise<LoginOutcome> {
  logLogin(core, session, "login_unavailable", login, reason, "warn");
  countLogin(core, session, "unavailable");
  const next = await taken(
    core,
    session,
    frontend.refuse(login, { kind: "unavailable" }),
  );
  attempt.check();
  if (next === "continue") return endless(session);
  session.mark("backend-unavailable", reason);
  return next;
}

/** Logins that come to nothing are not failures, but a connection may not go on with them for ever. */
function endless(session: Session): "continue" | "close" {
  if (++session.unavailable < UNAVAILABLE_MAX) return "continue";
  session.mark("backend-unavailable");
  return "close";
}

/** Who has failed often waits for the answer; a kick, and the client's leaving, end the wait. */
export async function waitOutFailure(
  core: WorkerCore,
  session: Session,
  attempt: Attempt,
): Promise<void> {
  const ms = await core.limits.failed(session, session.account!);
  if (ms === 0) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const deadline = core.deadlines.after(ms, resolve);
  try {
    await attempt.interruptible(promise);
  } finally {
    deadline.cancel();
  }
}

/** One of `[limits]` stands against the login. It counts, so that nobody asks forever on one connection. */
async function limited(
  core: WorkerCore,
  session: Session,
  frontend: Frontend,
  login: Login,
  attempt: Attempt,
  over: OverLimit,
): Promise<LoginOutcome> {
  logLogin(core, session, "login_limited", login, over.message, "info");
  countLogin(core, session, "limited");
  const next = await taken(
    core,
    session,
    frontend.refuse(login, { kind: "unavailable", limit: true }),
  );
  attempt.check();
  if (next !== "close") return "refused";
  session.mark("limit", over.message);
  return "close";
}

/** A client that leaves while its login is under way is noticed, and what it pipelines waits in its reader. */
export function watchClient(session: Session): void {
  const { reader } = session.leg;
  const login = ++session.logins;
  // The number, not the attempt: this waits on into the bridge for as long as the client is silent.
  void reader.watch(PIPELINE_MAX).then((how) => {
    // With commands behind the login, an end of stream is a script's half-close: it wants its answers.
    const left = how === "ended" && reader.buffered === 0;
    if (left && session.attempt && session.logins === login) {
      session.end("client-closed");
    }
  });
}

/** Wait until the client has taken its answer; one that does not read is given as long as for a login. */
async function taken<T>(
  core: WorkerCore,
  session: Session,
  answered: Promise<T>,
): Promise<T> {
  const deadline = core.deadlines.after(session.listener.preauthTimeout, () => {
    session.mark("preauth-timeout");
    session.leg.close();
  });
  try {
    return await answered;
  } finally {
    deadline.cancel();
  }
}

async function answer(
  core: WorkerCore,
  session: Session,
  frontend: Frontend,
  login: Login,
): Promise<void> {
  try {
    await taken(
      core,
      session,
      frontend.refuse(login, { kind: "unavailable" }),
    );
  } catch (error) {
    if (!(error instanceof SessionEnd)) throw error;
  }
}
