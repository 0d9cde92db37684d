/** What the proxy itself says to a POP3 client. Nothing here depends on a backend's state or words. */
import type { Pop3Capabilities } from "../../port/snapshot.ts";
import {
  type LoginGate,
  mayShowSecrets,
  mayStartTls,
  servesPasswords,
} from "../login_gate.ts";
import type { PreauthLimit, Refusal } from "../protocol.ts";

export type Pop3Gate = LoginGate<Pop3Capabilities>;

export const PRIVACY_REQUIRED = "-ERR Encryption is required for a login\r\n";
export const CANCELLED = "-ERR Authentication cancelled\r\n";
// RFC 3206 4.
const UNAVAILABLE = "-ERR [SYS/TEMP] Temporary failure, try again later\r\n";
const LIMITED =
  "-ERR [SYS/TEMP] Too many logins or connections, try again later\r\n";
const AUTHENTICATION_FAILED = "-ERR [AUTH] Authentication failed\r\n";

const FAREWELLS: Readonly<Record<PreauthLimit, string>> = {
  time: "Too long without a login",
  line: "Line too long",
  attempts: "Too many failed logins",
  drain: "[SYS/TEMP] Server is shutting down, connect again",
  connections: "[SYS/TEMP] Too many connections",
};

export function farewell(limit: PreauthLimit): string {
  return `-ERR ${FAREWELLS[limit]}\r\n`;
}

/** The backend's own words, or ours in place of all of them. */
export function refusal(refusal: Refusal): string {
  if (refusal.kind === "unavailable") {
    return refusal.limit ? LIMITED : UNAVAILABLE;
  }
  if (refusal.hide || refusal.lines.length === 0) return AUTHENTICATION_FAILED;
  return refusal.lines.map((line) => `${line}\r\n`).join("");
}

/** RFC 2449 5, in the order of compatibility.md; no version, for it would only help an attacker. */
export function capabilityList(gate: Pop3Gate, xclient: boolean): string {
  const { sasl } = gate.capabilities;
  const open = mayShowSecrets(gate);
  const mechanisms = offeredMechanisms(gate);
  return multiline("Capability list follows", [
    ...open && servesPasswords(sasl) ? ["USER"] : [],
    ...mechanisms.length > 0 ? [`SASL ${mechanisms.join(" ")}`] : [],
    "TOP",
    "RESP-CODES",
    "PIPELINING",
    "EXPIRE NEVER",
    "UIDL",
    "UTF8",
    ...mayStartTls(gate) ? ["STLS"] : [],
    ...xclient ? ["XCLIENT"] : [],
    "IMPLEMENTATION mailferry",
  ]);
}

/** What AUTH without an argument is answered with. */
export function mechanismList(gate: Pop3Gate): string {
  return multiline("Mechanisms follow", offeredMechanisms(gate));
}

function offeredMechanisms(gate: Pop3Gate): readonly string[] {
  return mayShowSecrets(gate) ? gate.capabilities.sasl : [];
}

/** RFC 1939 3. No line here begins with the octet that would have to be stuffed. */
function multiline(text: string, lines: readonly string[]): string {
  return [`+OK ${text}`, ...lines, "."].map((line) => `${line}\r\n`).join("");
}
