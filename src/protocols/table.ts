import type { ProtocolName } from "../port/snapshot.ts";
import { imap } from "./imap/imap.ts";
import { managesieve } from "./managesieve/managesieve.ts";
import { pop3 } from "./pop3/pop3.ts";
import type { LineProtocol } from "./protocol.ts";
import { submission } from "./submission/submission.ts";

const PROTOCOLS: Partial<Record<ProtocolName, LineProtocol>> = {
  imap,
  managesieve,
  pop3,
  submission,
};

/** The dialogue of a protocol with a login, or undefined for one that has none. */
export function findLineProtocol(name: ProtocolName): LineProtocol | undefined {
  return PROTOCOLS[name];
}

/** The protocol of a listener. Throws for one without a login; the configuration admits none here. */
export function lineProtocol(name: ProtocolName): LineProtocol {
  const protocol = PROTOCOLS[name];
  if (!protocol) throw new Error(`protocol ${name} has no login dialogue`);
  return protocol;
}
