/** What the proxy itself says where it speaks the envelope (RFC 5321 4.2, RFC 3463). */
import type { PreauthLimit } from "../protocol.ts";

export * from "./replies.ts";

export const SENDER_OK = "250 2.1.0 Sender OK\r\n";
export const GO_ON = "354 End data with <CR><LF>.<CR><LF>\r\n";

export const HELD = "450 4.2.1 Mailbox is being moved, try again later\r\n";
export const UNAVAILABLE = "451 4.3.0 Temporary failure, try again later\r\n";
export const TOO_MANY = "452 4.5.3 Too many recipients\r\n";
/** RFC 5321 4.5.3.1.10: the sender brings them in its next transaction. */
export const OTHER_DESTINATION =
  "452 4.5.3 Send to this recipient in another transaction\r\n";

export const HELLO_FIRST = "503 5.5.1 Say hello first\r\n";
/** RFC 5321 3.3. */
export const NO_RECIPIENTS = "503 5.5.1 No valid recipients\r\n";
/** SMTP smuggling: servers differ about where such a message ends. */
export const SMUGGLED =
  "550 5.6.0 A dot on a line that does not end in CR and LF\r\n";
/** RFC 1870 6.1. */
export const TOO_LARGE = "552 5.3.4 Message is too large\r\n";
/** RFC 6531 3.5. */
export const NO_SMTPUTF8 = "553 5.6.7 Non-ASCII addresses are not possible\r\n";
/**
 * RFC 6152 3 has 554, for servers that did not offer it. It was offered here before the destination was
 * known, and is not the next time: then the sender converts, where a lasting refusal would bounce.
 */
export const NO_8BITMIME =
  "451 4.6.3 Conversion to 7 bits is required, connect again\r\n";
/** RFC 5321 2.3.8: DATA cannot carry it, and this server has no BDAT. */
export const LOOSE_LINE_END =
  "554 5.6.3 CR and LF are possible only as the end of a line here\r\n";
export const UNKNOWN_PARAMETER = "555 5.5.4 Parameter not recognized\r\n";

const FAREWELLS: Readonly<Record<PreauthLimit, string>> = {
  time: "421 4.4.2 Too long without a command",
  line: "421 4.7.0 Line too long",
  attempts: "421 4.7.0 Too many errors",
  drain: "421 4.3.2 Server is shutting down, connect again",
  connections: "421 4.7.0 Too many connections",
};

/** RFC 5321 3.8: 421 may come whenever the server has to close. */
export function farewell(limit: PreauthLimit): string {
  return `${FAREWELLS[limit]}\r\n`;
}

export const CLOSING = "421 4.3.0 Closing, try again later\r\n";
