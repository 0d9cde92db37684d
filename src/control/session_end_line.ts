import type { LogLine } from "../port/messages.ts";
import type { CloseRecord } from "./registry.ts";

/** The one log line that each connection leaves behind. `shorten` hides who the account is. */
export function sessionEndLine(
  record: CloseRecord,
  shorten: (identifier: string) => string,
): LogLine {
  return {
    level: record.reason === "error" || record.reason === "worker-lost"
      ? "error"
      : "info",
    event: "session_end",
    fields: {
      session: record.id,
      listener: record.listener,
      protocol: record.protocol,
      client: record.client,
      ...(record.upstreamId !== "" && { upstream_id: record.upstreamId }),
      ...(record.identifier !== null &&
        { account: shorten(record.identifier) }),
      ...(record.destination !== null && { destination: record.destination }),
      stage: record.stage,
      bytes_in: record.bytesIn,
      bytes_out: record.bytesOut,
      duration_ms: Math.round(record.durationMs),
      reason: record.reason,
      ...(record.detail !== "" && { detail: record.detail }),
    },
  };
}
