/**
 * What the proxy itself says to a submission client, with enhanced status codes (RFC 2034, RFC 3463).
 * Nothing here depends on a backend's state or words.
 */
import type { PreauthLimit, Refusal } from "../protocol.ts";

export * from "../smtp/replies.ts";

export const HELP =
  "214 2.0.0 EHLO HELO STARTTLS AUTH NOOP RSET VRFY HELP QUIT\r\n";

/** RFC 4954 4. */
export const DATA_TOO_LONG =
  "500 5.5.6 Authentication exchange line is too long\r\n";
export const MALFORMED_DATA = "501 5.5.2 Malformed authentication data\r\n";
export const ABORTED = "501 5.7.0 Authentication cancelled\r\n";
export const HELLO_FIRST = "503 5.5.1 Send EHLO first\r\n";
export const NO_SUCH_MECHANISM =
  "504 5.5.4 Authentication mechanism is not offered\r\n";
/** RFC 4954 6. */
export const AUTHENTICATION_REQUIRED = "530 5.7.0 Authentication required\r\n";
export const ENCRYPTION_REQUIRED =
  "538 5.7.11 Encryption is required for a login\r\n";

const AUTHENTICATION_FAILED = "535 5.7.8 Authentication failed\r\n";
const UNAVAILABLE = "421 4.3.0 Temporary failure, try again later\r\n";
const LIMITED = "421 4.7.0 Too many logins or connections, try again later\r\n";

const FAREWELLS: Readonly<Record<PreauthLimit, string>> = {
  time: "421 4.7.0 Too long without a login",
  line: "421 4.7.0 Line too long",
  attempts: "421 4.7.0 Too many failed logins",
  drain: "421 4.3.2 Server is shutting down, connect again",
  connections: "421 4.7.0 Too many connections",
};

/** RFC 5321 3.8: 421 may come whenever the server has to close. */
export function farewell(limit: PreauthLimit): string {
  return `${FAREWELLS[limit]}\r\n`;
}

/** The backend's own words, or ours in place of all of them. */
export function refusal(refusal: Refusal): string {
  if (refusal.kind === "unavailable") {
    return refusal.limit ? LIMITED : UNAVAILABLE;
  }
  return refusal.hide || refusal.lines.length === 0
    ? AUTHENTICATION_FAILED
    : asLines(refusal.lines);
}

export function asLines(lines: readonly string[]): string {
  return lines.map((line) => `${line}\r\n`).join("");
}
