/**
 * HTTP/1.1 messages as scripted clients and fake backends read them: strictly, so that a test fails
 * where the proxy sends what is malformed (RFC 9112).
 */
import type { Wire } from "./wire.ts";

const decoder = new TextDecoder();
const FIELD = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+): ?([^\0\r\n]*)$/;

/** Field lines in the order in which they came. */
export class SeenFields {
  constructor(
    readonly lines: readonly (readonly [name: string, value: string])[],
  ) {}

  /** The values of a field, its name in lower case. */
  all(name: string): string[] {
    return this.lines
      .filter(([given]) => given.toLowerCase() === name)
      .map(([, value]) => value);
  }

  /** The value of a field that may come once; undefined when it does not. */
  one(name: string): string | undefined {
    const values = this.all(name);
    if (values.length > 1) throw new MalformedMessage(`${name} twice`);
    return values[0];
  }

  /** All names, in lower case. */
  get names(): string[] {
    return this.lines.map(([name]) => name.toLowerCase());
  }
}

/** The peer sent what is no HTTP. */
export class MalformedMessage extends Error {
  override readonly name = "MalformedMessage";
}

export interface SeenHead {
  /** The request line or status line. */
  readonly start: string;
  readonly fields: SeenFields;
}

/** The next head; null when the stream ended before its first byte. */
export async function readHead(wire: Wire): Promise<SeenHead | null> {
  const bytes = await wire.readThrough("\r\n\r\n");
  if (bytes === null) {
    if (wire.buffered === 0) return null;
    throw new Error("the stream ended in the middle of a head");
  }
  const [start = "", ...lines] = latin1(bytes).slice(0, -4).split("\r\n");
  return { start, fields: fieldsOf(lines) };
}

function fieldsOf(lines: readonly string[]): SeenFields {
  return new SeenFields(lines.map((line) => {
    const [, name, value] = FIELD.exec(line) ?? [];
    if (name === undefined || value === undefined) {
      throw new MalformedMessage(`field line ${JSON.stringify(line)}`);
    }
    return [name, value.trim()];
  }));
}

/** How long a body is: octets, in chunks, or not said. */
export type BodySize = number | "chunked" | undefined;

export function bodySize(fields: SeenFields): BodySize {
  const coding = fields.one("transfer-encoding");
  const length = fields.one("content-length");
  if (coding !== undefined && length !== undefined) {
    throw new MalformedMessage("Transfer-Encoding and Content-Length");
  }
  if (coding !== undefined) {
    if (coding.toLowerCase() === "chunked") return "chunked";
    throw new MalformedMessage(`Transfer-Encoding: ${coding}`);
  }
  if (length === undefined) return undefined;
  if (/^[0-9]{1,15}$/.test(length)) return Number(length);
  throw new MalformedMessage(`Content-Length: ${length}`);
}

/** The next chunk's data; null for the last chunk, behind which come the trailers. */
export async function readChunk(wire: Wire): Promise<Uint8Array | null> {
  const line = await wire.readThrough("\r\n");
  const [, size] = /^([0-9a-fA-F]{1,15})(?:;[^\r\n\0]*)?\r\n$/.exec(
    latin1(line ?? ended()),
  ) ?? [];
  if (size === undefined) {
    throw new MalformedMessage(`chunk line ${JSON.stringify(latin1(line!))}`);
  }
  if (parseInt(size, 16) === 0) return null;
  const data = await wire.readBytes(parseInt(size, 16)) ?? ended();
  const end = await wire.readBytes(2) ?? ended();
  if (latin1(end) !== "\r\n") throw new MalformedMessage("end of a chunk");
  return data;
}

/** What is behind the last chunk. */
export async function readTrailers(wire: Wire): Promise<SeenFields> {
  const lines: string[] = [];
  for (;;) {
    const line = latin1(await wire.readThrough("\r\n") ?? ended());
    if (line === "\r\n") return fieldsOf(lines);
    lines.push(line.slice(0, -2));
  }
}

export interface SeenBody {
  readonly body: string;
  readonly trailers: SeenFields;
}

/** A whole body; one whose size is not said has no octets. */
export async function readBody(wire: Wire, size: BodySize): Promise<SeenBody> {
  const none = new SeenFields([]);
  if (size !== "chunked") {
    const bytes = await wire.readBytes(size ?? 0) ?? ended();
    return { body: decoder.decode(bytes), trailers: none };
  }
  let body = "";
  for (let chunk; (chunk = await readChunk(wire)) !== null;) {
    body += decoder.decode(chunk);
  }
  return { body, trailers: await readTrailers(wire) };
}

/** These octets as a chunk. */
export function chunkOf(data: string, extension = ""): string {
  const { length } = new TextEncoder().encode(data);
  return `${length.toString(16)}${extension}\r\n${data}\r\n`;
}

/** One character for each octet. */
export function latin1(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 8192) {
    text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  }
  return text;
}

function ended(): never {
  throw new Error("the stream ended in the middle of a body");
}
