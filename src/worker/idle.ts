import type { Deadline, Deadlines } from "../net/deadlines.ts";
import type { Session } from "./session.ts";

/** Idleness is looked for in so many parts of its limit; it is noticed at most one part late. */
const PARTS = 8;

/** End the session when no byte has passed either way for `limit` ms (spec: `bridge_idle`). */
export function watchIdle(
  deadlines: Deadlines,
  session: Session,
  limit: number,
): Deadline {
  let quiet = 0;
  let deadline: Deadline;
  const look = () => {
    if (session.flow.active) quiet = 0;
    session.flow.active = false;
    if (quiet++ >= PARTS) session.end("idle");
    else deadline = deadlines.after(limit / PARTS, look);
  };
  look();
  return { cancel: () => deadline.cancel() };
}
