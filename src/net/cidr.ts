import type { PackedRanges } from "../port/snapshot.ts";
import { formatAddress, parseAddress } from "./address.ts";

interface Range {
  /** 4 or 16 bytes, zero behind `bits`. */
  readonly base: Uint8Array;
  readonly bits: number;
}

/** What IPv4-mapped addresses have in front of the IPv4 one (RFC 4291 2.5.5.2). */
const MAPPED_BITS = 96;

/** Words of 32 bits in an address. */
const FOUR = 1;
const SIX = 4;

/**
 * Address ranges such as `10.0.0.0/8`, `2001:db8::/32` or a single address. IPv4 addresses are found
 * in IPv4 ranges only, also where either is written as an IPv4-mapped IPv6 address. An address is looked
 * up in a time that hardly grows with the number of ranges.
 */
export class AddressRanges {
  readonly #packed: PackedRanges;

  /** Throws RangeError on anything that is no range. */
  constructor(ranges: readonly string[] | PackedRanges) {
    this.#packed = "four" in ranges ? ranges : packRanges(ranges);
  }

  /** Whether a literal address is in one of the ranges; text that is no address is in none. */
  contains(address: string): boolean {
    const { four, six } = this.#packed;
    if (four.length === 0 && six.length === 0) return false;
    let bytes: Uint8Array;
    try {
      bytes = parseAddress(address);
    } catch {
      return false;
    }
    return isWithin(bytes.length === 4 ? four : six, wordsOf(bytes));
  }
}

/** Ranges in the form in which they are looked up. Throws RangeError on anything that is no range. */
export function packRanges(ranges: readonly string[]): PackedRanges {
  const parsed = ranges.map(parseRange);
  return {
    four: pack(parsed.filter(({ base }) => base.length === 4), FOUR),
    six: pack(parsed.filter(({ base }) => base.length === 16), SIX),
  };
}

/**
 * A range as it is written everywhere here: its first address, and behind a slash the bits that count
 * unless that are all of them. Throws RangeError on anything that is no range.
 */
export function canonicalRange(text: string): string {
  return formatRange(parseRange(text));
}

/** Every range with this address in it, in its canonical form, the smallest first. Throws RangeError. */
export function* rangesAround(address: string): Generator<string> {
  const bytes = parseAddress(address);
  for (let bits = bytes.length * 8; bits >= 0; bits--) {
    yield formatRange({ base: masked(bytes, bits), bits });
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
  if (wide === 32 || base.length === 16) {
    return { base: masked(base, bits), bits };
  }
  // A mapped base came back as IPv4, and a range wider than the mapped ones is an IPv6 one after all.
  if (bits >= MAPPED_BITS) {
    const own = bits - MAPPED_BITS;
    return { base: masked(base, own), bits: own };
  }
  const mapped = new Uint8Array(16);
  mapped.set([0xff, 0xff], 10);
  mapped.set(base, 12);
  return { base: masked(mapped, bits), bits };
}

function formatRange({ base, bits }: Range): string {
  const address = formatAddress(base);
  return bits === base.length * 8 ? address : `${address}/${bits}`;
}

/** With zeros behind the first `bits`. */
function masked(address: Uint8Array, bits: number): Uint8Array {
  return address.map((byte, i) => byte & maskOf(bits - 8 * i));
}

/** Of a byte, the first `bits`: 0 when negative, all over 8. */
function maskOf(bits: number): number {
  return bits <= 0 ? 0 : bits >= 8 ? 0xff : 0xff << (8 - bits) & 0xff;
}

function pack(ranges: readonly Range[], width: number): Uint32Array {
  const spans = ranges.map(({ base, bits }) => ({
    first: wordsOf(base),
    last: wordsOf(base.map((byte, i) => byte | 0xff & ~maskOf(bits - 8 * i))),
  }));
  // The widest of those that begin alike comes first: what is inside another one follows it.
  spans.sort((a, b) =>
    compare(a.first, 0, b.first, width) || compare(b.last, 0, a.last, width)
  );
  const packed = new Uint32Array(spans.length * 2 * width);
  let end = 0;
  for (const { first, last } of spans) {
    // Two ranges are apart, or one is inside the other.
    if (end > 0 && compare(packed, end - width, last, width) >= 0) continue;
    packed.set(first, end);
    packed.set(last, end + width);
    end += 2 * width;
  }
  return packed.slice(0, end);
}

/** Finds the last range that begins at or before the address, and looks whether it ends behind it. */
function isWithin(packed: Uint32Array, address: Uint32Array): boolean {
  const width = address.length;
  let low = 0;
  let high = packed.length / (2 * width);
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compare(packed, middle * 2 * width, address, width) <= 0) {
      low = middle + 1;
    } else high = middle;
  }
  return low > 0 &&
    compare(packed, (low * 2 - 1) * width, address, width) >= 0;
}

/** Of the address at `start` in `packed` with another one: negative, zero or positive. */
function compare(
  packed: Uint32Array,
  start: number,
  other: Uint32Array,
  width: number,
): number {
  for (let i = 0; i < width; i++) {
    const difference = packed[start + i]! - other[i]!;
    if (difference !== 0) return difference;
  }
  return 0;
}

function wordsOf(bytes: Uint8Array): Uint32Array {
  return Uint32Array.from(
    { length: bytes.length / 4 },
    (_, i) =>
      (bytes[4 * i]! << 24 | bytes[4 * i + 1]! << 16 |
        bytes[4 * i + 2]! << 8 | bytes[4 * i + 3]!) >>> 0,
  );
}
