import type { PackedRanges } from "../port/snapshot.ts";
import { formatAddress, ipv4Number, mapped, parseAddress } from "./address.ts";

/** An IPv6 range. */
interface Range {
  /** Its first address, in words. */
  readonly first: Uint32Array;
  readonly bits: number;
}

/** An IPv4 range as one number, since there may be very many: the first address, and behind it the bits. */
type FourRange = number;
const BITS_ROOM = 64;

/** What IPv4-mapped addresses have in front of the IPv4 one (RFC 4291 2.5.5.2). */
const MAPPED_BITS = 96;

/** Words of 32 bits in an IPv6 address. */
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
    return isInAny([this.#packed], address);
  }
}

/** Whether a literal address is in one of these lists of ranges; text that is no address is in none. */
export function isInAny(
  lists: readonly PackedRanges[],
  address: string,
): boolean {
  if (lists.every(isEmpty)) return false;
  let bytes: Uint8Array;
  try {
    bytes = parseAddress(address);
  } catch {
    return false;
  }
  const words = wordsOf(bytes);
  return lists.some(({ four, six }) =>
    isWithin(words.length === 1 ? four : six, words)
  );
}

function isEmpty({ four, six }: PackedRanges): boolean {
  return four.length === 0 && six.length === 0;
}

/** Ranges in the form in which they are looked up. Throws RangeError on anything that is no range. */
export function packRanges(ranges: readonly string[]): PackedRanges {
  const four: number[] = [];
  const six: Range[] = [];
  for (const text of ranges) {
    const range = parseRange(text);
    if (typeof range === "number") four.push(range);
    else six.push(range);
  }
  return { four: packFour(four), six: packSix(six) };
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
    yield formatRange(rangeOf(bytes, bits));
  }
}

function parseRange(text: string): FourRange | Range {
  const slash = text.indexOf("/");
  const address = slash < 0 ? text : text.slice(0, slash);
  const wide = address.includes(":") ? 128 : 32;
  const bits = slash < 0 ? wide : Number(text.slice(slash + 1) || NaN);
  if (!Number.isInteger(bits) || bits < 0 || bits > wide) {
    throw new RangeError(`not an address range: ${text}`);
  }
  const four = wide === 32 ? ipv4Number(address) : null;
  if (four !== null) return fourRange(four, bits);
  const base = parseAddress(address);
  if (base.length === 16) return rangeOf(base, bits);
  // A mapped base came back as IPv4, and a range wider than the mapped ones is an IPv6 one after all.
  if (bits >= MAPPED_BITS) return rangeOf(base, bits - MAPPED_BITS);
  return rangeOf(mapped(base), bits);
}

/** The range of the first `bits` of an address. */
function rangeOf(address: Uint8Array, bits: number): FourRange | Range {
  const first = wordsOf(address);
  if (first.length === 1) return fourRange(first[0]!, bits);
  for (let i = 0; i < first.length; i++) {
    first[i] = first[i]! & ~hostMask(bits - 32 * i);
  }
  return { first, bits };
}

function fourRange(address: number, bits: number): FourRange {
  return ((address & ~hostMask(bits)) >>> 0) * BITS_ROOM + bits;
}

function formatRange(range: FourRange | Range): string {
  if (typeof range !== "number") {
    const address = formatAddress(bytesOf(range.first));
    return range.bits === 128 ? address : `${address}/${range.bits}`;
  }
  const bits = range % BITS_ROOM;
  const first = (range - bits) / BITS_ROOM;
  const address = `${first >>> 24}.${first >>> 16 & 255}.${first >>> 8 & 255}.${
    first & 255
  }`;
  return bits === 32 ? address : `${address}/${bits}`;
}

/** Of a word, what is behind the first `bits`: all when negative, nothing over 32. */
function hostMask(bits: number): number {
  return bits <= 0 ? 0xffffffff : bits >= 32 ? 0 : 0xffffffff >>> bits;
}

/** Ranges are apart, or one is inside the other: in order, what is inside another one follows it. */
function packFour(ranges: readonly FourRange[]): Uint32Array {
  // A number for each: in order of the first address, then of the bits, the widest first.
  const sorted = Float64Array.from(ranges).sort();
  const packed = new Uint32Array(sorted.length * 2);
  let end = 0;
  for (const range of sorted) {
    const bits = range % BITS_ROOM;
    const first = (range - bits) / BITS_ROOM;
    const last = (first | hostMask(bits)) >>> 0;
    if (end > 0 && packed[end - 1]! >= last) continue;
    packed[end++] = first;
    packed[end++] = last;
  }
  return packed.slice(0, end);
}

function packSix(ranges: readonly Range[]): Uint32Array {
  const sorted = [...ranges].sort((a, b) =>
    compare(a.first, 0, b.first, SIX) || a.bits - b.bits
  );
  const packed = new Uint32Array(sorted.length * 2 * SIX);
  let end = 0;
  for (const { first, bits } of sorted) {
    const last = first.map((word, i) => word | hostMask(bits - 32 * i));
    if (end > 0 && compare(packed, end - SIX, last, SIX) >= 0) continue;
    packed.set(first, end);
    packed.set(last, end + SIX);
    end += 2 * SIX;
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
  const words = new Uint32Array(bytes.length / 4);
  for (let i = 0; i < bytes.length; i++) {
    words[i >> 2] = words[i >> 2]! << 8 | bytes[i]!;
  }
  return words;
}

function bytesOf(words: Uint32Array): Uint8Array {
  const bytes = new Uint8Array(words.length * 4);
  for (let i = 0; i < bytes.length; i++) {
    bytes[i] = words[i >> 2]! >>> 24 - 8 * (i & 3);
  }
  return bytes;
}
