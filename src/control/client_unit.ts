import { formatAddress, isAddress, parseAddress } from "../net/address.ts";

/**
 * What counts as one client where clients are told apart: an IPv4 address, or the /64 of an IPv6
 * one, since a single customer commands a whole /64 (which may be written as such). Text that is no
 * address counts as itself.
 */
export function clientUnit(address: string): string {
  const bare = address.replace(/(%.*|\/64)$/, "");
  if (!isAddress(bare)) return address;
  const bytes = parseAddress(bare);
  if (bytes.length === 4) return bytes.join(".");
  return `${bytes.subarray(0, 8).toHex()}/64`;
}

/** A unit as people write it: `192.0.2.1`, `2001:db8:0:1::/64`. */
export function showClientUnit(unit: string): string {
  const hex = /^([0-9a-f]{16})\/64$/.exec(unit)?.[1];
  if (hex === undefined) return unit;
  return `${formatAddress(Uint8Array.fromHex(hex.padEnd(32, "0")))}/64`;
}
