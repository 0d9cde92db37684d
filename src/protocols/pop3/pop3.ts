import type { LineProtocol } from "../protocol.ts";
import { authenticate, openBackend } from "./back.ts";
import { Pop3Frontend } from "./front.ts";

/** POP3 (RFC 1939), with CAPA (RFC 2449), STLS (RFC 2595), AUTH (RFC 5034) and UTF8 (RFC 6856). */
export const pop3: LineProtocol = {
  name: "pop3",
  frontend: (io, context) => new Pop3Frontend(io, context),
  openBackend,
  authenticate,
};
