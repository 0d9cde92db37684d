import type { TimedLine } from "../observe/log_format.ts";
import { Ring } from "../observe/ring.ts";
import type { EndReason } from "../port/messages.ts";

const EVENTS_KEPT = 1000;
const ERRORS_KEPT = 200;

const ERRORS: ReadonlySet<string> = new Set([
  "login_failed",
  "login_unavailable",
  "login_limited",
  "delivery_unavailable",
  "forwarding_refused",
  "worker_lost",
  "bug",
]);

/** Ends that are nobody's fault, or told of by a line of their own. */
const ORDINARY: Readonly<Partial<Record<EndReason, true>>> = {
  "client-closed": true,
  "backend-closed": true,
  "logout": true,
  "idle": true,
  "kicked": true,
  "moved": true,
  "drained": true,
  "worker-lost": true,
};

/** Keeps the last lines of the log; those about errors longer than a busy log would let them. */
export class Journal {
  readonly events = new Ring<TimedLine>(EVENTS_KEPT);
  readonly errors = new Ring<TimedLine>(ERRORS_KEPT);

  take(line: TimedLine): void {
    this.events.push(line);
    if (isError(line)) this.errors.push(line);
  }
}

function isError({ event, fields }: TimedLine): boolean {
  if (event !== "session_end") return ERRORS.has(event);
  return !Object.hasOwn(ORDINARY, String(fields.reason));
}
