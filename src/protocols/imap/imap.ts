import type { LineProtocol } from "../protocol.ts";
import { openBackend } from "./back.ts";
import { ImapFrontend } from "./front.ts";
import { authenticate } from "./replay.ts";

/** IMAP (RFC 3501, RFC 9051). */
export const imap: LineProtocol = {
  name: "imap",
  frontend: (io, context) => new ImapFrontend(io, context),
  openBackend,
  authenticate,
};
