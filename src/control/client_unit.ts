import { isAddress, parseAddress } from "../net/address.ts";

/**
 * What counts as one client where clients are told apart: an IPv4 address, or the /64 of an IPv6
 * one, since a single customer commands a whole /64. Text that is no address counts as itself.
 */
export function clientUnit(address: string): string {
  const bare = address.split("%", 1)[0] as string;
  if (!isAddress(bare)) return address;
  const bytes = parseAddress(bare);
  if (bytes.length === 4) return bytes.join(".");
  return `${bytes.subarray(0, 8).toHex()}/64`;
}
