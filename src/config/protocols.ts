/** What the configuration knows of each protocol. */
import type { ProtocolName } from "../port/snapshot.ts";

export const PROTOCOLS = [
  "imap",
  "pop3",
  "managesieve",
  "submission",
  "smtp",
  "lmtp",
  "http",
] as const satisfies readonly ProtocolName[];

/** Bridged to one destination without a login. All others carry credentials. */
export function isPassThrough(protocol: ProtocolName): boolean {
  return protocol === "smtp" || protocol === "lmtp";
}

/** Where STARTTLS does not exist (http) or is not offered (smtp, lmtp: a bridge cannot take part in it). */
export function hasStartTls(protocol: ProtocolName): boolean {
  return !isPassThrough(protocol) && protocol !== "http";
}
