/** Chunked bodies (RFC 9112 7.1), which are passed on as they came once they were looked at. */
import type { LineReader } from "../../net/line_reader.ts";
import { HttpFault } from "./fault.ts";
import { parseFields } from "./fields.ts";
import { readSection } from "./head_reader.ts";
import { CR, LF, octetsOf, sectionText } from "./octets.ts";

/** Longest line of a chunk's size and extensions, its CRLF not counted. */
const LINE_LIMIT = 4096;
const DIGIT_LIMIT = 15;
const SEMICOLON = 59;

const enum At {
  Size,
  Extension,
  SizeLineFeed,
  Data,
  DataReturn,
  DataLineFeed,
  Done,
}

/**
 * Follows a chunked body through whatever pieces it comes in, as strict as its grammar and stricter:
 * a size has hex digits only, behind it comes CRLF or an extension of visible characters.
 */
export class ChunkScanner {
  #at: At = At.Size;
  #size = 0;
  /** Of the line of a size so far. */
  #length = 0;
  /** Octets of the chunk's data that are still to come. */
  #left = 0;
  #previous = 0;

  /** `onData` is shown the data of the chunks, piece by piece. */
  constructor(
    private readonly faultStatus: number,
    private readonly onData?: (data: Uint8Array) => void,
  ) {}

  /** The line of the last chunk was seen: the trailer section follows. */
  get done(): boolean {
    return this.#at === At.Done;
  }

  /**
   * How many of `bytes` belong to the body up to and including the line of the last chunk; none once
   * that was seen. Throws HttpFault.
   */
  scan(bytes: Uint8Array): number {
    let at = 0;
    while (at < bytes.length && this.#at !== At.Done) {
      if (this.#at === At.Data) {
        const step = Math.min(this.#left, bytes.length - at);
        this.onData?.(bytes.subarray(at, at + step));
        at += step;
        this.#left -= step;
        if (this.#left === 0) this.#at = At.DataReturn;
      } else {
        this.#take(bytes[at++]!);
      }
    }
    return at;
  }

  #take(octet: number): void {
    switch (this.#at) {
      case At.Size:
        return this.#takeSize(octet);
      case At.Extension:
        return this.#takeExtension(octet);
      case At.SizeLineFeed:
        if (octet !== LF) this.#fail("a bare CR behind a chunk size");
        this.#left = this.#size;
        this.#at = this.#size === 0 ? At.Done : At.Data;
        this.#size = this.#length = 0;
        return;
      case At.DataReturn:
        if (octet !== CR) this.#fail("no CRLF behind a chunk");
        this.#at = At.DataLineFeed;
        return;
      default:
        if (octet !== LF) this.#fail("no CRLF behind a chunk");
        this.#at = At.Size;
    }
  }

  #takeSize(octet: number): void {
    const digit = hexDigit(octet);
    if (digit >= 0) {
      this.#size = this.#size * 16 + digit;
      if (
        ++this.#length > DIGIT_LIMIT || !Number.isSafeInteger(this.#size)
      ) {
        this.#fail("a chunk size beyond all bounds");
      }
      return;
    }
    if (this.#length === 0) this.#fail("a chunk without a size");
    if (octet === CR) {
      this.#at = At.SizeLineFeed;
    } else if (octet === SEMICOLON) {
      this.#at = At.Extension;
      this.#previous = octet;
    } else {
      this.#fail("a chunk size that is no number");
    }
  }

  #takeExtension(octet: number): void {
    if (octet === CR && this.#previous !== SEMICOLON) {
      this.#at = At.SizeLineFeed;
    } else if (octet <= 0x20 || octet >= 0x7f) {
      this.#fail("a chunk extension that is none");
    } else if (++this.#length > LINE_LIMIT) {
      this.#fail("a chunk extension beyond all bounds");
    }
    this.#previous = octet;
  }

  #fail(message: string): never {
    throw new HttpFault(this.faultStatus, message);
  }
}

function hexDigit(octet: number): number {
  if (octet >= 0x30 && octet <= 0x39) return octet - 0x30;
  const letter = octet | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}

/**
 * The trailer section up to and including its empty line, without the fields that must not be in one:
 * what goes on the wire, at least CRLF. Throws HttpFault with `faultStatus`, also beyond `limit` bytes.
 */
export async function readTrailers(
  reader: LineReader,
  limit: number,
  faultStatus: number,
): Promise<Uint8Array> {
  const bytes = await readSection(reader, limit, faultStatus, faultStatus);
  if (bytes.length === 2) return bytes;
  const { lines, kinds } = parseFields(
    sectionText(bytes, faultStatus),
    0,
    faultStatus,
  );
  let text = "";
  for (const [i, { name, value }] of lines.entries()) {
    if (kinds[i]!.mayTrail) text += `${name}: ${value}\r\n`;
  }
  return octetsOf(`${text}\r\n`);
}
