/** What is told of a login: to the session registry, to the log and its counter. */
import type { LoginResult } from "../observe/metric_names.ts";
import type { Login } from "../protocols/protocol.ts";
import type { WorkerCore } from "./core.ts";
import type { Session } from "./session.ts";
import type { StageTimes } from "./stage_times.ts";

/** The backend took the login. */
export function reportBridge(core: WorkerCore, session: Session): void {
  session.unreported = false;
  session.reportedStage = "bridge";
  countLogin(core, session, "accepted");
  core.reporter.session({
    kind: "change",
    id: session.id,
    stage: "bridge",
    identifier: session.account!,
    destination: session.destination!,
  });
}

/** One line about a login, always with the same fields (docs/logging.md). */
export function logLogin(
  core: WorkerCore,
  session: Session,
  event: string,
  login: Pick<Login, "method">,
  reason: string,
  level: "info" | "warn",
): void {
  core.reporter.log(level, event, {
    client: session.client.hostname,
    listener: session.listener.name,
    protocol: session.listener.protocol,
    method: login.method,
    reason,
    session: session.id,
    upstream_id: session.upstreamId ?? undefined,
    destination: session.destination ?? undefined,
  });
}

export function countLogin(
  core: WorkerCore,
  session: Session,
  result: LoginResult,
): void {
  core.reporter.count(`logins.${session.listener.protocol}.${result}`);
}

/** An accepted login has its answer. */
export function observeLogin(
  core: WorkerCore,
  session: Session,
  { total }: StageTimes,
): void {
  core.reporter.observe(
    "login_duration_seconds",
    total / 1000,
    session.listener.protocol,
  );
}

/** Of any login, how far it came. */
export function observeStages(core: WorkerCore, times: StageTimes): void {
  for (const [stage, ms] of times.all()) {
    core.reporter.observe("login_stage_duration_seconds", ms / 1000, stage);
  }
}
