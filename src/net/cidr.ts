import { parseAddress } from "./address.ts";

interface Range {
  readonly base: Uint8Array;
  readonly bits: number;
}

/** What IPv4-mapped addresses have in front of the IPv4 one (RFC 4291 2.5.5.2). */
const MAPPED_BITS = 96;

/**
 * Address ranges such as `10.0.0.0/8`, `2001:db8::/32` or a single address. IPv4 addresses are found
 * in IPv4 ranges only, also where either is written as an IPv4-mapped IPv6 address.
 */
export class AddressRanges {
  readonly #ranges: readonly Range[];

  /** Throws RangeError on anything that is no range. */
  constructor(ranges: readonly string[]) {
    this.#ranges = ranges.map(parseRange);
  }

  /** Whether a literal address is in one of the ranges; text that is no address is in none. */
  contains(address: string): boolean {
    if (this.#ranges.length === 0) return false;
    let bytes: Uint8Array;
    try {
      bytes = parseAddress(address);
    } catch {
      return false;
    }
    return this.#ranges.some((range) => isIn(bytes, range));
  }
}

function parseRange(text: string): Range {
  const [address = "", length] = text.split("/");
  const base = parseAddress(address);
  const wide = address.includes(":") ? 128 : 32;
  const bits = length === undefined ? wide : Number(length);
  if (!Number.isInteger(bits) || bits < 0 || bits > wide) {
    throw new RangeError(`not an address range: ${text}`);
  }
  if (wide === 32 || base.length === 16) return { base, bits };
  // A mapped base came back as IPv4, and a range wider than the mapped ones is an IPv6 one after all.
  if (bits >= MAPPED_BITS) return { base, bits: bits - MAPPED_BITS };
  const mapped = new Uint8Array(16);
  mapped.set([0xff, 0xff], 10);
  mapped.set(base, 12);
  return { base: mapped, bits };
}

function isIn(address: Uint8Array, { base, bits }: Range): boolean {
  if (address.length !== base.length) return false;
  const whole = bits >> 3;
  for (let i = 0; i < whole; i++) {
    if (address[i] !== base[i]) return false;
  }
  const rest = bits & 7;
  if (rest === 0) return true;
  const mask = 0xff << (8 - rest) & 0xff;
  return (address[whole]! & mask) === (base[whole]! & mask);
}
