import type { TraceStep } from "../port/messages.ts";

/** Following an account's logins as they happen. */
export interface TraceControl {
  /**
   * The steps of the account's logins for so many seconds, in every worker; fewer once `gone` is aborted.
   * Throws ControlError where the identifier is none, or too many are followed already.
   */
  trace(
    identifier: string,
    seconds: number,
    gone: AbortSignal,
  ): AsyncIterable<TraceStep>;
}
