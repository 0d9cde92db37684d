/** Reading a TLS ClientHello before the TLS library does (RFC 8446 4.1.2). */
import type { LineReader } from "./line_reader.ts";

const HANDSHAKE_RECORD = 0x16;
const CLIENT_HELLO = 1;
const SERVER_NAME = 0;
const HOST_NAME = 0;
const SUPPORTED_VERSIONS = 43;
const TLS13 = 0x0304;
/** The header of a record, RFC 8446 5.1, and of a message, RFC 8446 4. */
const RECORD_HEADER = 5;
const MESSAGE_HEADER = 4;
/** What a record of any version may have behind its header. */
const RECORD_MAX = 16384 + 256;
/** A longer message than fits into one record is left to the TLS library. */
const MESSAGE_MAX = 16384;

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

/** How a client begins. */
export interface ClientHello {
  readonly kind: "tls13" | "older-tls" | "not-tls" | "ended";
  /** Is all of the message in `bytes`? */
  readonly whole: boolean;
  /** The name that it asks for (RFC 6066 3), "" when it asks for none. */
  readonly serverName: string;
  /** What was consumed, to be given on; a message that came in several records is in one. */
  readonly bytes: Uint8Array;
}

/** A record as it came, or why there is none; `bytes` are those that were consumed. */
interface TlsRecord {
  readonly kind: "handshake" | "not-tls" | "ended";
  readonly bytes: Uint8Array;
}

/**
 * Read a connection's ClientHello, over as many records as it has: what is signed are messages, not
 * records (RFC 8446 4.4.1), so they may be joined. Where a message is no ClientHello or too long for one
 * record, or something else comes between its records, it is not `whole`: the TLS library has the word for that.
 */
export async function readClientHello(
  reader: LineReader,
): Promise<ClientHello> {
  const first = await readRecord(reader);
  if (first.kind !== "handshake") return nothing(first.kind);
  let bytes = first.bytes;
  if (isUnfinished(bytes)) {
    const joined = new Uint8Array(RECORD_HEADER + MESSAGE_MAX);
    joined.set(bytes);
    while (isUnfinished(bytes)) {
      const next = await readRecord(reader);
      if (next.kind === "ended") return nothing("ended");
      const fragment = next.bytes.subarray(RECORD_HEADER);
      const end = bytes.length + fragment.length;
      if (
        next.kind === "not-tls" || fragment.length === 0 || end > joined.length
      ) return lookAt(bytes, next.bytes);
      joined.set(fragment, bytes.length);
      bytes = joined.subarray(0, end);
      new DataView(joined.buffer).setUint16(3, end - RECORD_HEADER);
    }
  }
  return lookAt(bytes);
}

function nothing(kind: "not-tls" | "ended"): ClientHello {
  return { kind, whole: false, serverName: "", bytes: new Uint8Array(0) };
}

async function readRecord(reader: LineReader): Promise<TlsRecord> {
  const type = await reader.readBytes(1);
  if (!type) return { kind: "ended", bytes: new Uint8Array(0) };
  if (type[0] !== HANDSHAKE_RECORD) return { kind: "not-tls", bytes: type };
  const rest = await reader.readBytes(RECORD_HEADER - 1);
  if (!rest) return { kind: "ended", bytes: type };
  const length = rest[2]! << 8 | rest[3]!;
  const isTooLong = length > RECORD_MAX;
  const bytes = new Uint8Array(RECORD_HEADER + (isTooLong ? 0 : length));
  bytes.set(type);
  bytes.set(rest, 1);
  if (isTooLong) return { kind: "not-tls", bytes };
  const body = await reader.readBytes(length);
  if (!body) return { kind: "ended", bytes };
  bytes.set(body, RECORD_HEADER);
  return { kind: "handshake", bytes };
}

/** How long the message of a record says it is, header included; null while that has not come. */
function messageLength(record: Uint8Array): number | null {
  if (record.length < RECORD_HEADER + MESSAGE_HEADER) return null;
  const [high, middle, low] = record.subarray(RECORD_HEADER + 1);
  return MESSAGE_HEADER + (high! << 16 | middle! << 8 | low!);
}

/** Is this a part of a ClientHello whose other parts should be read? */
function isUnfinished(record: Uint8Array): boolean {
  const length = messageLength(record) ?? MESSAGE_MAX;
  // A record without anything in it is refused by the library (RFC 8446 5.1).
  return record[RECORD_HEADER] === CLIENT_HELLO && length <= MESSAGE_MAX &&
    record.length < RECORD_HEADER + length;
}

/** The hello in a record; `behind` is what was read after it. */
function lookAt(record: Uint8Array, behind?: Uint8Array): ClientHello {
  const { offersTls13, serverName } = parse(record.subarray(RECORD_HEADER));
  const bytes = new Uint8Array(record.length + (behind?.length ?? 0));
  bytes.set(record);
  if (behind) bytes.set(behind, record.length);
  const length = messageLength(record);
  return {
    kind: offersTls13 ? "tls13" : "older-tls",
    whole: length !== null && record.length >= RECORD_HEADER + length,
    serverName,
    bytes,
  };
}

function parse(
  hello: Uint8Array,
): { offersTls13: boolean; serverName: string } {
  const view = new DataView(hello.buffer, hello.byteOffset, hello.byteLength);
  const found = { offersTls13: false, serverName: "" };
  try {
    if (view.getUint8(0) !== CLIENT_HELLO) return found;
    let at = MESSAGE_HEADER + 2 + 32;
    at += 1 + view.getUint8(at);
    at += 2 + view.getUint16(at);
    at += 1 + view.getUint8(at);
    const end = at + 2 + view.getUint16(at);
    at += 2;
    while (at < end) {
      const type = view.getUint16(at);
      const start = at + 4;
      const stop = start + view.getUint16(at + 2);
      if (type === SUPPORTED_VERSIONS) {
        found.offersTls13 = versionsHave13(view, start, stop);
      } else if (type === SERVER_NAME) {
        found.serverName = hostName(view, start, stop);
      }
      at = stop;
    }
  } catch (error) {
    // A truncated hello runs over the end of the view: no offer that can be read.
    if (!(error instanceof RangeError)) throw error;
  }
  return found;
}

function versionsHave13(view: DataView, start: number, stop: number): boolean {
  for (let at = start + 1; at < stop; at += 2) {
    if (view.getUint16(at) === TLS13) return true;
  }
  return false;
}

/** The first name of the list: there is only one of a type. */
function hostName(view: DataView, start: number, stop: number): string {
  if (stop < start + 5 || view.getUint8(start + 2) !== HOST_NAME) return "";
  const at = start + 5;
  const length = view.getUint16(start + 3);
  if (at + length > stop) return "";
  return new TextDecoder().decode(
    new Uint8Array(view.buffer, view.byteOffset + at, length),
  );
}
