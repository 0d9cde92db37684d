/** IP addresses as bytes, text and ranges. */

const DOT = 46;
const ZERO = 48;

/** What an IPv4-mapped IPv6 address begins with (RFC 4291 2.5.5.2). */
const MAPPED = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];

/**
 * The 4 or 16 bytes of a literal address. An IPv4-mapped IPv6 address (as a client of a `[::]`
 * socket has) gives 4 bytes. Throws RangeError on anything else.
 */
export function parseAddress(text: string): Uint8Array {
  const bytes = text.includes(":") ? parseV6(text) : parseV4(text);
  if (!bytes) throw new RangeError(`not an IP address: ${text}`);
  return unmapped(bytes);
}

/** The 4 bytes of an IPv4-mapped IPv6 address; the bytes of any other address. */
export function unmapped(bytes: Uint8Array): Uint8Array {
  const isMapped = bytes.length === 16 &&
    MAPPED.every((b, i) => b === bytes[i]);
  return isMapped ? bytes.slice(MAPPED.length) : bytes;
}

/** An address as 16 bytes, an IPv4 one as an IPv4-mapped IPv6 one. */
export function mapped(bytes: Uint8Array): Uint8Array {
  return bytes.length === 16 ? bytes : Uint8Array.from([...MAPPED, ...bytes]);
}

/** A literal IPv4 address as a number of 32 bits; null for anything else. By hand: there may be lists of very many. */
export function ipv4Number(text: string): number | null {
  let number = 0;
  let part = 0;
  let digits = 0;
  let value = 0;
  for (let i = 0; i <= text.length; i++) {
    const code = i === text.length ? DOT : text.charCodeAt(i);
    if (code === DOT) {
      if (digits === 0 || part === 4) return null;
      number = (number << 8 | value) >>> 0;
      part++;
      digits = value = 0;
    } else {
      const digit = code - ZERO;
      // No leading zero: it means octal to some.
      if (digit < 0 || digit > 9 || digits > 0 && value === 0) return null;
      value = value * 10 + digit;
      digits++;
      if (value > 255) return null;
    }
  }
  return part === 4 ? number : null;
}

/** True for a literal IPv4 or IPv6 address. */
export function isAddress(text: string): boolean {
  return (text.includes(":") ? parseV6(text) : parseV4(text)) !== null;
}

/** A literal address as it is written everywhere here: IPv4-mapped addresses as IPv4, no zone. */
export function canonicalAddress(text: string): string {
  if (!text.includes(":")) return text;
  const bytes = parseAddress(text);
  return bytes.length === 4 ? bytes.join(".") : text;
}

/**
 * The text of a 4 or 16 byte address as it is written everywhere here: IPv4-mapped addresses as IPv4,
 * IPv6 in the form of RFC 5952.
 */
export function formatAddress(bytes: Uint8Array): string {
  const own = unmapped(bytes);
  if (own.length === 4) return own.join(".");
  const groups = Array.from(
    { length: 8 },
    (_, i) => bytes[2 * i]! << 8 | bytes[2 * i + 1]!,
  );
  const [start, length] = longestZeros(groups);
  const hex = (part: number[]) => part.map((g) => g.toString(16)).join(":");
  if (length < 2) return hex(groups);
  return `${hex(groups.slice(0, start))}::${hex(groups.slice(start + length))}`;
}

/** RFC 5952 4.2.3: the first of the longest runs of zero groups. */
function longestZeros(groups: readonly number[]): [number, number] {
  let best: [number, number] = [0, 0];
  for (let start = 0; start < groups.length; start++) {
    let length = 0;
    while (groups[start + length] === 0) length++;
    if (length > best[1]) best = [start, length];
  }
  return best;
}

/** `address:port`, with an IPv6 address in brackets. */
export function formatEndpoint(hostname: string, port: number): string {
  return hostname.includes(":")
    ? `[${hostname}]:${port}`
    : `${hostname}:${port}`;
}

function parseV4(text: string): Uint8Array | null {
  const number = ipv4Number(text);
  if (number === null) return null;
  return Uint8Array.of(number >>> 24, number >>> 16, number >>> 8, number);
}

// RFC 4291 2.2
function parseV6(text: string): Uint8Array | null {
  const halves = text.split("::");
  if (halves.length > 2) return null;
  const head = parseGroups(halves[0]!, halves.length === 1);
  const tail = halves.length === 2 ? parseGroups(halves[1]!, true) : [];
  if (!head || !tail) return null;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return null;
  const groups = [...head, ...Array<number>(missing).fill(0), ...tail];
  return Uint8Array.from(groups.flatMap((g) => [g >> 8, g & 0xff]));
}

/** `isEnd`: the address ends here, and may do so in IPv4's notation (RFC 4291 2.2, form 3). */
function parseGroups(text: string, isEnd: boolean): number[] | null {
  if (text === "") return [];
  const groups: number[] = [];
  const parts = text.split(":");
  for (const [i, part] of parts.entries()) {
    if (isEnd && i === parts.length - 1 && part.includes(".")) {
      const v4 = parseV4(part);
      if (!v4) return null;
      groups.push(v4[0]! << 8 | v4[1]!, v4[2]! << 8 | v4[3]!);
    } else if (/^[0-9a-fA-F]{1,4}$/.test(part)) {
      groups.push(parseInt(part, 16));
    } else {
      return null;
    }
  }
  return groups;
}
