import { byteText } from "../../sasl/text.ts";
import type { ClaimedClient } from "../protocol.ts";

/**
 * What a trusted peer's ID (RFC 2971) says of the client, in the fields that this proxy and Dovecot
 * send. Other fields, and values that cannot be meant, are passed over.
 */
export function claimedClient(
  fields: ReadonlyMap<string, Uint8Array | null>,
): ClaimedClient {
  const text = (name: string): string | undefined => {
    const value = fields.get(name);
    return value ? byteText(value) : undefined;
  };
  const whole = (name: string): number | undefined => {
    const value = text(name);
    return value && /^\d{1,10}$/.test(value) ? Number(value) : undefined;
  };
  const address = text("x-originating-ip");
  const port = whole("x-originating-port");
  const ttl = whole("x-proxy-ttl");
  const sessionId = text("x-session-id");
  return {
    ...(address === undefined ? {} : { address }),
    ...(port === undefined ? {} : { port }),
    ...(ttl === undefined ? {} : { ttl }),
    ...(sessionId === undefined ? {} : { sessionId }),
  };
}
