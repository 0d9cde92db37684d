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

/** Without a login: bridged to one destination, or routed by recipient. All others carry credentials. */
export function isPassThrough(protocol: ProtocolName): boolean {
  return protocol === "smtp" || protocol === "lmtp";
}

/** What a listener may do with mail that comes in without a login. */
export const ROUTES = ["passthrough", "recipient"] as const;

/** Whether the mapping decides where a listener's sessions or messages go. False where it is not known. */
export function asksMapping(
  { protocol, route }: {
    protocol?: ProtocolName | undefined;
    route?: (typeof ROUTES)[number] | undefined;
  },
): boolean {
  return protocol !== undefined &&
    (!isPassThrough(protocol) || route === "recipient");
}

/** Where STARTTLS does not exist (http) or is not offered (smtp, lmtp: a bridge cannot take part in it). */
export function hasStartTls(protocol: ProtocolName): boolean {
  return !isPassThrough(protocol) && protocol !== "http";
}

/** Whether a listener can offer STARTTLS: where messages are routed by recipient the proxy itself speaks. */
export function mayOfferStartTls(
  { protocol, route }: {
    protocol: ProtocolName;
    route?: (typeof ROUTES)[number] | undefined;
  },
): boolean {
  return hasStartTls(protocol) ||
    isPassThrough(protocol) && route === "recipient";
}
