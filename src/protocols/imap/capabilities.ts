import type { ListenerSnapshot, Mechanism } from "../../port/snapshot.ts";
import type { ImapCapabilities } from "../../port/snapshot.ts";

/** What decides on the credentials that a client may send at this moment. */
export interface LoginGate {
  readonly capabilities: ImapCapabilities;
  readonly listener: ListenerSnapshot;
  /** The client's leg is encrypted now. */
  readonly secure: boolean;
}

/** All mechanisms here show a password or a bearer token to whoever reads along. */
export function mayShowSecrets(gate: LoginGate): boolean {
  return gate.secure || gate.capabilities.allowPlainAuthWithoutTls;
}

/**
 * The LOGIN command carries what PLAIN and LOGIN carry, so it is served where either of them is:
 * `sasl = ["OAUTHBEARER"]` means that no password is taken in any form.
 */
export function servesPasswords(sasl: readonly Mechanism[]): boolean {
  return sasl.includes("PLAIN") || sasl.includes("LOGIN");
}

/** RFC 9051 6.2.1: STARTTLS is there once, and only where it can still be used. */
export function mayStartTls(gate: LoginGate): boolean {
  return gate.listener.tls === "starttls" && !gate.secure;
}

/** The capability words of this moment, each once. */
export function capabilityList(gate: LoginGate): string {
  const { advertise, sasl } = gate.capabilities;
  const open = mayShowSecrets(gate);
  const words = new Set(advertise);
  if (open) { for (const name of sasl) words.add(`AUTH=${name}`); }
  // RFC 3501 6.2.3: LOGINDISABLED wherever LOGIN would be refused.
  if (!open || !servesPasswords(sasl)) words.add("LOGINDISABLED");
  if (mayStartTls(gate)) words.add("STARTTLS");
  return [...words].join(" ");
}

/** RFC 7888 5: under LITERAL- a non-synchronizing literal has at most 4,096 octets. */
export function nonSyncLiteralLimit(capabilities: ImapCapabilities): number {
  const words = capabilities.advertise.map((word) => word.toUpperCase());
  return words.includes("LITERAL-") && !words.includes("LITERAL+")
    ? 4096
    : Infinity;
}
