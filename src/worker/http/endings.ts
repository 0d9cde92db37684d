/** What a request that is not served comes to: an answer for the client, a reason for the record. */
import { DialFailed } from "../../net/dial.ts";
import type { EndReason } from "../../port/messages.ts";
import { HttpFault } from "../../protocols/http/fault.ts";
import { ownReply } from "../../protocols/http/replies.ts";
import { BackendFailure } from "../../protocols/protocol.ts";
import { SessionEnd } from "../../protocols/session_end.ts";
import type { WorkerCore } from "../core.ts";
import { OverLimit } from "../limit_gate.ts";
import { Unavailable } from "../replay.ts";
import type { Session } from "../session.ts";
import { BrokenOff } from "./body.ts";

/** How long a client may take to read the last answer and to close. */
const LINGER_MS = 2000;

export interface Ending {
  /** Of the answer; null where none is due. */
  readonly status: number | null;
  readonly reason: EndReason;
  readonly message: string;
}

/** Null for an error that is a bug. `timedOut`: the backend's time was up. */
export function endingOf(error: unknown, timedOut: boolean): Ending | null {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof SessionEnd) {
    return { status: statusOfEnd(error.reason), reason: error.reason, message };
  }
  if (error instanceof BrokenOff) {
    const reason = error.leg === "source" ? "backend-closed" : "client-closed";
    return { status: null, reason, message };
  }
  if (error instanceof HttpFault) {
    const { status } = error;
    const isBackends = status === 502;
    const reason = isBackends ? "backend-unavailable" : "request-refused";
    return { status, reason, message };
  }
  if (error instanceof OverLimit) {
    return { status: 429, reason: "limit", message };
  }
  if (error instanceof Unavailable) {
    return { status: 503, reason: "backend-unavailable", message };
  }
  if (error instanceof DialFailed || error instanceof BackendFailure) {
    const status = timedOut ? 504 : 502;
    return { status, reason: "backend-unavailable", message };
  }
  return null;
}

function statusOfEnd(reason: EndReason): number | null {
  switch (reason) {
    // On another connection the client reaches where the account is now.
    case "moved":
    case "kicked":
      return 421;
    case "preauth-timeout":
      return 408;
    case "limit":
    case "drained":
      return 503;
    default:
      return null;
  }
}

/** Answer in the proxy's own words, then close. */
export async function refuse(
  core: WorkerCore,
  session: Session,
  status: number,
  method?: string,
): Promise<void> {
  await write(core, session, ownReply(status, method));
  await linger(core, session);
}

async function write(
  core: WorkerCore,
  session: Session,
  bytes: Uint8Array,
): Promise<void> {
  const deadline = core.deadlines.after(LINGER_MS, () => session.leg.close());
  try {
    await session.leg.write(bytes);
    session.flow.backward += bytes.length;
  } catch {
    // The client is gone: there is nobody to answer.
  }
  deadline.cancel();
}

/**
 * Close once the client has, or soon: what it has sent and nobody reads would make the system reset the
 * connection, and the client would lose the answer (RFC 9112 9.6).
 */
export async function linger(
  core: WorkerCore,
  session: Session,
): Promise<void> {
  const { leg } = session;
  const deadline = core.deadlines.after(LINGER_MS, () => leg.close());
  try {
    await leg.stream.closeWrite();
    do leg.reader.skip(leg.reader.buffered); while (await leg.reader.more());
  } catch {
    // Closed already.
  }
  deadline.cancel();
  leg.close();
}
