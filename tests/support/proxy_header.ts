/** What a backend reads of a PROXY protocol v2 header (haproxy's proxy-protocol.txt, 2.2). */
import type { Wire } from "./wire.ts";

const SIGNATURE = "0d0a0d0a000d0a515549540a";

export interface SeenProxyHeader {
  readonly command: "LOCAL" | "PROXY";
  /** `address:port`, `[v6]:port`; "" for LOCAL. */
  readonly source: string;
  readonly destination: string;
  /** Type number to value. */
  readonly tlvs: ReadonlyMap<number, Uint8Array>;
}

/** Type numbers of the fields that tests look at. */
export const TLV_UNIQUE_ID = 0x05;
export const TLV_SSL = 0x20;

/** Read one header, not a byte more. Throws when it is none. */
export async function readProxyHeader(wire: Wire): Promise<SeenProxyHeader> {
  const head = await wire.readBytes(16);
  if (!head || head.subarray(0, 12).toHex() !== SIGNATURE) {
    throw new Error("no PROXY v2 header");
  }
  const view = new DataView(head.buffer);
  const body = await wire.readBytes(view.getUint16(14));
  if (!body) throw new Error("short PROXY v2 header");
  if (head[12] === 0x20) {
    return { command: "LOCAL", source: "", destination: "", tlvs: new Map() };
  }
  if (head[12] !== 0x21) throw new Error("unknown PROXY v2 command");
  const width = head[13] === 0x11 ? 4 : head[13] === 0x21 ? 16 : 0;
  if (width === 0) throw new Error("unknown PROXY v2 family");
  const ports = new DataView(body.buffer, 2 * width, 4);
  const tlvs = new Map<number, Uint8Array>();
  for (let at = 2 * width + 4; at + 3 <= body.length;) {
    const length = body[at + 1]! * 256 + body[at + 2]!;
    tlvs.set(body[at]!, body.subarray(at + 3, at + 3 + length));
    at += 3 + length;
  }
  return {
    command: "PROXY",
    source: socketName(body.subarray(0, width), ports.getUint16(0)),
    destination: socketName(
      body.subarray(width, 2 * width),
      ports.getUint16(2),
    ),
    tlvs,
  };
}

function socketName(address: Uint8Array, port: number): string {
  if (address.length === 4) return `${address.join(".")}:${port}`;
  const groups: string[] = [];
  for (let i = 0; i < 16; i += 2) {
    groups.push((address[i]! * 256 + address[i + 1]!).toString(16));
  }
  return `[${groups.join(":")}]:${port}`;
}

/** Two IPv4 or IPv6 sockets as `[address, port]`, the client's first. */
export type Pair = readonly [
  readonly [address: string, port: number],
  readonly [address: string, port: number],
];

/** A header of version 1. */
export function proxyV1([[from, fromPort], [to, toPort]]: Pair): string {
  const family = from.includes(":") ? "TCP6" : "TCP4";
  return `PROXY ${family} ${from} ${to} ${fromPort} ${toPort}\r\n`;
}

/** A header of version 2 for IPv4 sockets, with these fields behind the addresses. */
export function proxyV2(
  [[from, fromPort], [to, toPort]]: Pair,
  tlvs: readonly (readonly [type: number, value: string])[] = [],
): Uint8Array {
  const four = (address: string) => address.split(".").map(Number);
  const word = (value: number) => [value >> 8, value & 255];
  return proxyV2Raw(0x21, 0x11, [
    ...four(from),
    ...four(to),
    ...word(fromPort),
    ...word(toPort),
    ...tlvs.flatMap(([type, value]) => [
      type,
      ...word(value.length),
      ...new TextEncoder().encode(value),
    ]),
  ]);
}

/** A header of version 2 with any command byte, family byte and body. */
export function proxyV2Raw(
  command: number,
  family: number,
  body: readonly number[],
  length = body.length,
): Uint8Array {
  return Uint8Array.from([
    ...Uint8Array.fromHex(SIGNATURE),
    command,
    family,
    length >> 8,
    length & 255,
    ...body,
  ]);
}
