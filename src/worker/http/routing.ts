/** Where one request goes (spec section 11). */
import type { RouteAnswer } from "../../port/messages.ts";
import type { LegSnapshot } from "../../port/snapshot.ts";
import { HttpFault } from "../../protocols/http/fault.ts";
import type { RequestHead } from "../../protocols/http/request.ts";
import type { HttpRoute } from "../../route/http_routes.ts";
import { InvalidIdentifier, routeKey } from "../../route/identifier.ts";
import type { Attempt } from "../attempt.ts";
import type { WorkerCore } from "../core.ts";
import { knownRoute, legOf, lookUp, waitOutHold } from "../login_route.ts";
import { traceOf } from "../login_trace.ts";
import type { Session } from "../session.ts";

/** Whose a request is, and where that is served. */
export interface Target {
  readonly leg: LegSnapshot;
  /** Normalized; null for a request that names nobody. */
  readonly account: string | null;
  /** The identifier came with credentials, on which the backend has the last word. */
  readonly hasCredentials: boolean;
}

/** The rule for a request. Throws HttpFault 404 where there is none. */
export function ruleFor(core: WorkerCore, { path }: RequestHead): HttpRoute {
  const route = core.generation.routes?.match(path);
  if (route) return route;
  throw new HttpFault(404, "no route matches the path");
}

/** The account that `rule` finds in a request, as it is looked up by; null for none that can be one. */
export function accountOf(
  core: WorkerCore,
  rule: HttpRoute,
  request: RequestHead,
  body: Uint8Array | null,
): string | null {
  const named = body === null
    ? rule.identifier(request)
    : rule.identifierInBody(body);
  if (named === null) return null;
  try {
    return routeKey(named, core.generation.snapshot);
  } catch (error) {
    if (error instanceof InvalidIdentifier) return null;
    throw error;
  }
}

/** At once where it is known. Throws HttpFault 404, Unavailable, OverLimit, or what cancelled the attempt. */
export function targetOf(
  core: WorkerCore,
  session: Session,
  attempt: Attempt,
  rule: HttpRoute,
  request: RequestHead,
  account: string | null,
): Target | Promise<Target> {
  if (account === null) {
    const destination = rule.destination ?? rule.fallback;
    if (destination === null) {
      throw new HttpFault(404, "the request names no account");
    }
    become(core, session, null);
    const leg = legOf(core.generation.snapshot, { destination }, session);
    return { leg, account, hasCredentials: false };
  }
  const toward = (route: RouteAnswer): Target => ({
    leg: legOf(core.generation.snapshot, route, session),
    account,
    hasCredentials: rule.extract?.from === "authorization",
  });
  const isNew = become(core, session, account);
  if (!isNew && !core.held.has(account)) {
    const known = knownRoute(core, session, account);
    if (known) return toward(known);
  }
  return routeOf(core, session, attempt, request, account, isNew).then(toward);
}

/** By all the steps of a login, where the request is as good as one. */
async function routeOf(
  core: WorkerCore,
  session: Session,
  attempt: Attempt,
  request: RequestHead,
  account: string,
  isNew: boolean,
): Promise<RouteAnswer> {
  if (isNew) await login(core, session, attempt, request, account);
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
  attempt.trace?.tell(`routed to ${route.destination}`);
  return route;
}

/** The first request of an account on a connection is what a login is elsewhere. */
async function login(
  core: WorkerCore,
  session: Session,
  attempt: Attempt,
  request: RequestHead,
  account: string,
): Promise<void> {
  attempt.trace = traceOf(core, session, request, account);
  await core.limits.login(session, attempt, account);
  const turn = core.paces.logins.turn();
  if (turn !== null) await attempt.interruptible(turn);
}

/** Whose the session is from this request on; true when that is another account's. */
function become(
  core: WorkerCore,
  session: Session,
  account: string | null,
): boolean {
  if (session.account === account) return false;
  core.limits.leaveLogin(session);
  core.sessions.identify(session, account);
  session.unreported = true;
  return account !== null;
}
