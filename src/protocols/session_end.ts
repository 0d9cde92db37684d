import type { EndReason } from "../port/messages.ts";

/** Ends the session from anywhere in its pipeline; becomes its close record, never a reply by itself. */
export class SessionEnd extends Error {
  override readonly name = "SessionEnd";
  constructor(readonly reason: EndReason, detail = "") {
    super(detail);
  }
}
