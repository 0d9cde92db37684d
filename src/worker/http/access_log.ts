import type { RequestHead } from "../../protocols/http/request.ts";
import type { WorkerCore } from "../core.ts";
import type { Session } from "../session.ts";

/** What is known of a request that was answered. */
export interface ServedRequest {
  /** Null where the head could not be read. */
  readonly request: RequestHead | null;
  /** 0 where the client got no answer. */
  readonly status: number;
  /** Milliseconds of `performance.now()` when its head had come. */
  readonly began: number;
  /** Of the session, then. */
  readonly forward: number;
  readonly backward: number;
}

const COUNTERS = [1, 2, 3, 4, 5].map((first) => `http_requests.${first}xx`);

/** Count a request, and log it where `access_log` is set. A query may hold secrets: it is left out. */
export function recordRequest(
  core: WorkerCore,
  session: Session,
  served: ServedRequest,
  isLogged: boolean,
): void {
  const { request, status } = served;
  if (status !== 0) {
    core.reporter.count(COUNTERS[Math.floor(status / 100) - 1]!);
  }
  if (!isLogged) return;
  const { flow } = session;
  core.reporter.log("info", "http_request", {
    session: session.id,
    listener: session.listener.name,
    protocol: session.listener.protocol,
    client: session.client.hostname,
    upstream_id: session.upstreamId ?? undefined,
    // Shortened by who writes the line.
    account: session.account ?? undefined,
    destination: session.destination ?? undefined,
    method: request?.method,
    path: request?.path,
    status,
    bytes_in: flow.forward - served.forward,
    bytes_out: flow.backward - served.backward,
    duration_ms: Math.round(performance.now() - served.began),
  });
}
