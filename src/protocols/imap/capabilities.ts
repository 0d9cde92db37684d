import type { ImapCapabilities } from "../../port/snapshot.ts";
import {
  type LoginGate,
  mayShowSecrets,
  mayStartTls,
  servesPasswords,
} from "../login_gate.ts";

export type ImapGate = LoginGate<ImapCapabilities>;

/** The capability words of this moment, each once. */
export function capabilityList(gate: ImapGate): string {
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
