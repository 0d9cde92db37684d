/** Looking at a TLS ClientHello before the TLS library does (RFC 8446 4.1.2). */
import type { LineReader } from "./line_reader.ts";

const HANDSHAKE_RECORD = 0x16;
const CLIENT_HELLO = 1;
const SUPPORTED_VERSIONS = 43;
const TLS13 = 0x0304;
/** A record's payload, RFC 8446 5.1; a hello over several records is let through unread. */
const RECORD_MAX = 16384 + 256;

/** The fatal alert for a client without an acceptable version: protocol_version, RFC 8446 6.2. */
export const PROTOCOL_VERSION_ALERT = Uint8Array.of(
  0x15,
  0x03,
  0x01,
  0x00,
  0x02,
  0x02,
  0x46,
);

/** What the first bytes of a connection are. */
export interface FirstRecord {
  readonly kind: "tls13" | "older-tls" | "not-tls" | "ended";
  /** Is all of the ClientHello in it? */
  readonly whole: boolean;
  /** The bytes consumed, to be given on. */
  readonly bytes: Uint8Array;
}

/** Read the first TLS record of a connection. */
export async function readFirstRecord(
  reader: LineReader,
): Promise<FirstRecord> {
  const none = new Uint8Array(0);
  const ended = { kind: "ended", whole: false, bytes: none } as const;
  const notTls = { kind: "not-tls", whole: false, bytes: none } as const;
  const header = await reader.readBytes(1);
  if (!header) return ended;
  if (header[0] !== HANDSHAKE_RECORD) return notTls;
  const rest = await reader.readBytes(4);
  if (!rest) return ended;
  const length = rest[2]! << 8 | rest[3]!;
  if (length > RECORD_MAX) return notTls;
  const body = await reader.readBytes(length);
  if (!body) return ended;
  const bytes = new Uint8Array(5 + length);
  bytes.set(header);
  bytes.set(rest, 1);
  bytes.set(body, 5);
  return {
    kind: offersTls13(body) ? "tls13" : "older-tls",
    whole: length >= 4 &&
      length >= 4 + (body[1]! << 16 | body[2]! << 8 | body[3]!),
    bytes,
  };
}

function offersTls13(hello: Uint8Array): boolean {
  const view = new DataView(hello.buffer, hello.byteOffset, hello.byteLength);
  try {
    if (view.getUint8(0) !== CLIENT_HELLO) return false;
    let at = 4 + 2 + 32;
    at += 1 + view.getUint8(at);
    at += 2 + view.getUint16(at);
    at += 1 + view.getUint8(at);
    const end = at + 2 + view.getUint16(at);
    at += 2;
    while (at < end) {
      const type = view.getUint16(at);
      const length = view.getUint16(at + 2);
      if (type === SUPPORTED_VERSIONS) {
        for (let v = at + 5; v < at + 4 + length; v += 2) {
          if (view.getUint16(v) === TLS13) return true;
        }
        return false;
      }
      at += 4 + length;
    }
  } catch (error) {
    // A truncated hello runs over the end of the view: no offer that can be read.
    if (!(error instanceof RangeError)) throw error;
  }
  return false;
}
