/** What the proxy itself says to an IMAP client. Nothing here depends on a backend's state or words. */
import type { AcceptedReply, PreauthLimit, Refusal } from "../protocol.ts";

/** RFC 2971: who answers; no version, for it would only help an attacker. */
export const ID_REPLY = `* ID ("name" "mailferry")\r\n`;
export const LOGOUT_BYE = "* BYE Logging out\r\n";

// RFC 5530 3.
export const PRIVACY_REQUIRED =
  "NO [PRIVACYREQUIRED] Encryption is required for a login";
const UNAVAILABLE = "NO [UNAVAILABLE] Temporary failure, try again later";
const LIMITED = "NO [LIMIT] Too many logins or connections, try again later";
const AUTHENTICATION_FAILED = "NO [AUTHENTICATIONFAILED] Authentication failed";

const FAREWELLS: Readonly<Record<PreauthLimit, string>> = {
  time: "Too long without a login",
  line: "Line or literal too long",
  attempts: "Too many failed logins",
  drain: "Server is shutting down, connect again",
  connections: "[LIMIT] Too many connections",
};

/** RFC 9051 7.1.5. */
export function farewell(limit: PreauthLimit): string {
  return `* BYE ${FAREWELLS[limit]}\r\n`;
}

/** The backend's acceptance under the client's tag, with what it said before. */
export function acceptance(tag: string, reply: AcceptedReply): string {
  return lines([...reply.before, `${tag} OK ${reply.text}`]);
}

/** The backend's own words under the client's tag, or ours in place of all of them. */
export function refusal(tag: string, refusal: Refusal): string {
  if (refusal.kind === "unavailable") {
    return `${tag} ${refusal.limit ? LIMITED : UNAVAILABLE}\r\n`;
  }
  if (refusal.hide || refusal.lines.length === 0) {
    return `${tag} ${AUTHENTICATION_FAILED}\r\n`;
  }
  return lines(
    refusal.lines.map((line) =>
      line.startsWith("* ") ? line : `${tag} ${line}`
    ),
  );
}

function lines(all: readonly string[]): string {
  return all.map((line) => `${line}\r\n`).join("");
}
