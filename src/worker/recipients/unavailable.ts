import type { WorkerCore } from "../core.ts";
import type { Session } from "../session.ts";

/** Why recipients were told to come back; without a destination when none is known. */
export function tellUnavailable(
  core: WorkerCore,
  session: Session,
  reason: string,
  destination?: string,
): void {
  core.reporter.log("warn", "delivery_unavailable", {
    client: session.client.hostname,
    listener: session.listener.name,
    protocol: session.listener.protocol,
    reason,
    session: session.id,
    upstream_id: session.upstreamId ?? undefined,
    destination,
  });
}
