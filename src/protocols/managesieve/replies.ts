/** What the proxy itself says to a ManageSieve client. Nothing here depends on a backend's state or words. */
import type { ManageSieveCapabilities } from "../../port/snapshot.ts";
import { type LoginGate, mayShowSecrets, mayStartTls } from "../login_gate.ts";
import type { AcceptedReply, PreauthLimit, Refusal } from "../protocol.ts";
import { encodeLiteral, encodeString } from "./wire.ts";

export type ManageSieveGate = LoginGate<ManageSieveCapabilities>;

// RFC 5804 1.3.
export const ENCRYPT_NEEDED = no(
  "Encryption is required for a login",
  "ENCRYPT-NEEDED",
);
const UNAVAILABLE = no("Temporary failure, try again later", "TRYLATER");
const LIMITED = no(
  "Too many logins or connections, try again later",
  "TRYLATER",
);
const AUTHENTICATION_FAILED = no("Authentication failed");
export const CANCELLED = no("Authentication cancelled");

const FAREWELLS: Readonly<Record<PreauthLimit, string>> = {
  time: `BYE "Too long without a login"\r\n`,
  line: `BYE "Line or literal too long"\r\n`,
  attempts: `BYE "Too many failed logins"\r\n`,
  drain: `BYE (TRYLATER) "Server is shutting down, connect again"\r\n`,
  connections: `BYE (TRYLATER) "Too many connections"\r\n`,
};

export function ok(text: string): string {
  return `OK "${text}"\r\n`;
}

export function no(text: string, code?: string): string {
  return `NO ${code === undefined ? "" : `(${code}) `}"${text}"\r\n`;
}

/** RFC 5804 1.2: BYE. */
export function farewell(limit: PreauthLimit): string {
  return FAREWELLS[limit];
}

/**
 * RFC 5804 1.7 and 2.4: the capabilities of this moment, without the OK that ends them. A `trusted`
 * peer may say who its client is.
 */
export function capabilityBlock(
  gate: ManageSieveGate,
  trusted: boolean,
): string {
  const { implementation, sieve, sasl } = gate.capabilities;
  // RFC 5804 1.7: an empty list, not a missing line, where no mechanism may be used now.
  const mechanisms = mayShowSecrets(gate) ? sasl : [];
  const lines = [
    ["IMPLEMENTATION", implementation],
    ["VERSION", "1.0"],
    ["SASL", mechanisms.join(" ")],
    ["SIEVE", sieve.join(" ")],
    ...mayStartTls(gate) ? [["STARTTLS"]] : [],
    ...trusted ? [["XCLIENT"]] : [],
  ];
  return lines.map((words) =>
    `${words.map((word) => encodeString(word, "server")).join(" ")}\r\n`
  ).join("");
}

/** RFC 5804 2.13: a NOOP's argument comes back, so that the client finds its place. */
export function noopDone(tag: string | undefined): string {
  if (tag === undefined) return ok("NOOP completed");
  return `OK (TAG ${encodeLiteral(tag, "server")}) "Done"\r\n`;
}

/** The backend's acceptance in its own words. */
export function acceptance(reply: AcceptedReply): string {
  return reply.text === "" ? "OK\r\n" : `OK ${reply.text}\r\n`;
}

/** The backend's own words, or ours in place of all of them. */
export function refusal(refusal: Refusal): string {
  if (refusal.kind === "unavailable") {
    return refusal.limit ? LIMITED : UNAVAILABLE;
  }
  if (refusal.hide || refusal.lines.length === 0) return AUTHENTICATION_FAILED;
  return refusal.lines.map((line) => `${line}\r\n`).join("");
}
