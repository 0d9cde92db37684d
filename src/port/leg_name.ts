import type { ProtocolName } from "./snapshot.ts";

/** A leg by its destination and protocol, `old/imap`: how administrators write it, and a key for tables. */
export function legName(destination: string, protocol: ProtocolName): string {
  return `${destination}/${protocol}`;
}
