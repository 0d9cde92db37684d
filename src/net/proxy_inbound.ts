/**
 * The PROXY protocol header of a connection that another proxy hands on (the PROXY protocol
 * specification, versions 1 and 2). Reads the header and not a byte behind it.
 */
import type { SocketAddress } from "../port/snapshot.ts";
import { formatAddress, parseAddress } from "./address.ts";
import { type LineReader, LineTooLong } from "./line_reader.ts";
import { SIGNATURE, TLV_UNIQUE_ID } from "./proxy_v2.ts";

/** What a header says of a connection. */
export type ProxyHeader =
  | {
    readonly kind: "proxied";
    readonly client: SocketAddress;
    /** The address that the client connected to. */
    readonly local: SocketAddress;
    /** UNIQUE_ID as text, hexadecimal where it is not printable. */
    readonly uniqueId?: string;
  }
  /** The sender's own connection, or one whose addresses it cannot tell: LOCAL, UNKNOWN, AF_UNIX. */
  | { readonly kind: "unnamed"; readonly uniqueId?: string };

/** What came is no header that can be taken. */
export class ProxyHeaderInvalid extends Error {
  override readonly name = "ProxyHeaderInvalid";
}

const V1_START = Uint8Array.from("PROXY ", (char) => char.charCodeAt(0));
/** Section 2.1: 107 bytes in the worst case, of which two are the line's end. */
const V1_MAX = 105;
const V2_START = Uint8Array.from(SIGNATURE);
/** Version, command, family and length behind the signature. */
const V2_FIXED = 4;
/** Section 2.2 asks for no more than 536; certificates in SSL fields can make it longer. */
const V2_MAX = 2048;
const UNIQUE_ID_MAX = 128;

/** The lengths of both addresses with their ports (section 2.2), 0 for AF_UNSPEC. */
const FAMILY_SIZES = [0, 12, 36, 216] as const;
const PROTOCOLS = 3;
const STREAM = 1;

/**
 * Read the header at the start of a connection; null when other bytes, or none, come first, which
 * stay unread. Throws ProxyHeaderInvalid.
 */
export async function readProxyHeader(
  reader: LineReader,
): Promise<ProxyHeader | null> {
  for (let count = 1;; count++) {
    const seen = await reader.peek(count);
    const first = startsWith(V1_START, seen);
    const second = startsWith(V2_START, seen);
    if (seen.length === 0 || !first && !second) return null;
    if (seen.length < count) throw new ProxyHeaderInvalid("truncated");
    if (first && count === V1_START.length) return await readV1(reader);
    if (second && count === V2_START.length) return await readV2(reader);
  }
}

/** Section 2.1. */
async function readV1(reader: LineReader): Promise<ProxyHeader> {
  let line;
  try {
    line = await reader.readLine(V1_MAX);
  } catch (error) {
    if (!(error instanceof LineTooLong)) throw error;
    throw new ProxyHeaderInvalid("version 1 header longer than 107 bytes");
  }
  if (line === null) throw new ProxyHeaderInvalid("truncated");
  if (line.bare) throw new ProxyHeaderInvalid("no CRLF at its end");
  const words = String.fromCharCode(...line.bytes).split(" ");
  const [, family, client = "", local = "", from = "", to = ""] = words;
  if (family === "UNKNOWN") return { kind: "unnamed" };
  if (family !== "TCP4" && family !== "TCP6" || words.length !== 6) {
    throw new ProxyHeaderInvalid("malformed version 1 header");
  }
  return {
    kind: "proxied",
    client: { hostname: textAddress(family, client), port: textPort(from) },
    local: { hostname: textAddress(family, local), port: textPort(to) },
  };
}

function textAddress(family: "TCP4" | "TCP6", text: string): string {
  try {
    const bytes = parseAddress(text);
    if (text.includes(":") === (family === "TCP6")) return formatAddress(bytes);
  } catch {
    // Not an address at all: the same as one of the other family.
  }
  throw new ProxyHeaderInvalid(`no ${family} address where one is due`);
}

function textPort(text: string): number {
  const port = /^(0|[1-9][0-9]{0,4})$/.test(text) ? Number(text) : NaN;
  if (port <= 0xffff) return port;
  throw new ProxyHeaderInvalid("no port where one is due");
}

/** Section 2.2. */
async function readV2(reader: LineReader): Promise<ProxyHeader> {
  const head = await take(reader, V2_START.length + V2_FIXED);
  const [how = 0, what = 0, high = 0, low = 0] = head.subarray(V2_START.length);
  if (how >> 4 !== 2) {
    throw new ProxyHeaderInvalid(`version ${how >> 4} is not known`);
  }
  const length = high << 8 | low;
  if (length > V2_MAX) {
    throw new ProxyHeaderInvalid(`${length} bytes are more than ${V2_MAX}`);
  }
  const body = await take(reader, length);
  switch (how & 15) {
    case 0: // LOCAL: whatever else it says is to be ignored
      return { kind: "unnamed" };
    case 1:
      return proxied(what, body);
    default:
      throw new ProxyHeaderInvalid(`command ${how & 15} is not known`);
  }
}

function proxied(what: number, body: Uint8Array): ProxyHeader {
  const family = what >> 4;
  const size = FAMILY_SIZES[family];
  if (size === undefined || (what & 15) >= PROTOCOLS) {
    throw new ProxyHeaderInvalid(`family 0x${what.toString(16)} is not known`);
  }
  if (body.length < size) {
    throw new ProxyHeaderInvalid("too short for its addresses");
  }
  const width = (size - 4) / 2;
  const id = findUniqueId(body.subarray(size));
  const uniqueId = id === undefined ? {} : { uniqueId: id };
  if (width !== 4 && width !== 16 || (what & 15) !== STREAM) {
    return { kind: "unnamed", ...uniqueId };
  }
  const port = (at: number) => body[at]! << 8 | body[at + 1]!;
  return {
    kind: "proxied",
    client: {
      hostname: formatAddress(body.subarray(0, width)),
      port: port(2 * width),
    },
    local: {
      hostname: formatAddress(body.subarray(width, 2 * width)),
      port: port(2 * width + 2),
    },
    ...uniqueId,
  };
}

/** Section 2.2.7. Of the fields only this one is of use here; all of them have to be well-formed. */
function findUniqueId(fields: Uint8Array): string | undefined {
  let found: string | undefined;
  for (let at = 0; at < fields.length;) {
    const value = at + 3;
    const end = value + (fields[at + 1]! << 8 | fields[at + 2]!);
    if (value > fields.length || end > fields.length) {
      throw new ProxyHeaderInvalid("a field runs over its end");
    }
    if (fields[at] === TLV_UNIQUE_ID) found = idText(fields.slice(value, end));
    at = end;
  }
  return found;
}

function idText(id: Uint8Array): string {
  if (id.length > UNIQUE_ID_MAX) {
    throw new ProxyHeaderInvalid(`UNIQUE_ID longer than ${UNIQUE_ID_MAX}`);
  }
  const printable = id.every((byte) => byte > 0x20 && byte < 0x7f);
  return printable ? String.fromCharCode(...id) : id.toHex();
}

async function take(reader: LineReader, count: number): Promise<Uint8Array> {
  const bytes = await reader.readBytes(count);
  if (bytes === null) throw new ProxyHeaderInvalid("truncated");
  return bytes;
}

function startsWith(whole: Uint8Array, start: Uint8Array): boolean {
  return start.every((byte, i) => byte === whole[i]);
}
