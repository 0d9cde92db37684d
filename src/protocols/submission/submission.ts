import type { LineProtocol } from "../protocol.ts";
import { openBackend } from "../smtp/back.ts";
import { SubmissionFrontend } from "./front.ts";
import { authenticate } from "./replay.ts";

/** Message submission (RFC 6409). */
export const submission: LineProtocol = {
  name: "submission",
  frontend: (io, context) => new SubmissionFrontend(io, context),
  openBackend,
  authenticate,
};
