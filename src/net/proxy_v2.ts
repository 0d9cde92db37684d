/**
 * The PROXY protocol version 2 header as this proxy sends it (the PROXY protocol specification,
 * section 2.2, and its type-length-value fields).
 */
import type { SocketAddress } from "../port/snapshot.ts";
import { mapped, parseAddress } from "./address.ts";

/** What each header of version 2 begins with. */
export const SIGNATURE = [
  0x0d,
  0x0a,
  0x0d,
  0x0a,
  0x00,
  0x0d,
  0x0a,
  0x51,
  0x55,
  0x49,
  0x54,
  0x0a,
];
const VERSION_LOCAL = 0x20;
const VERSION_PROXY = 0x21;
const TCP_OVER_IPV4 = 0x11;
const TCP_OVER_IPV6 = 0x21;
export const TLV_UNIQUE_ID = 0x05;
const TLV_SSL = 0x20;
const SSL_CLIENT_FLAG = 0x01;

/** Whose connection a header describes. */
export interface ProxiedConnection {
  readonly client: SocketAddress;
  /** The address that the client connected to. */
  readonly local: SocketAddress;
  /** Session id, sent as UNIQUE_ID. */
  readonly uniqueId: string;
  /** The client's leg is TLS: the SSL TLV is sent, with the client flag only. */
  readonly secure: boolean;
}

/** The header for a proxied connection, or with null the LOCAL one for the proxy's own connections. */
export function encodeProxyV2(
  connection: ProxiedConnection | null,
): Uint8Array {
  if (connection === null) {
    return Uint8Array.from([...SIGNATURE, VERSION_LOCAL, 0, 0, 0]);
  }
  let client = parseAddress(connection.client.hostname);
  let local = parseAddress(connection.local.hostname);
  if (client.length !== local.length) {
    client = mapped(client);
    local = mapped(local);
  }
  const family = client.length === 4 ? TCP_OVER_IPV4 : TCP_OVER_IPV6;
  const payload = [
    ...client,
    ...local,
    ...uint16(connection.client.port),
    ...uint16(connection.local.port),
    ...tlv(TLV_UNIQUE_ID, [...new TextEncoder().encode(connection.uniqueId)]),
    // The SSL value is the client field and a 32-bit verify result; non-zero: no certificate verified.
    ...(connection.secure ? tlv(TLV_SSL, [SSL_CLIENT_FLAG, 0, 0, 0, 1]) : []),
  ];
  return Uint8Array.from([
    ...SIGNATURE,
    VERSION_PROXY,
    family,
    ...uint16(payload.length),
    ...payload,
  ]);
}

function tlv(type: number, value: number[]): number[] {
  return [type, ...uint16(value.length), ...value];
}

function uint16(value: number): number[] {
  return [value >> 8, value & 0xff];
}
