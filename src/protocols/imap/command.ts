import { type LineReader, LineTooLong } from "../../net/line_reader.ts";
import { SASL_DATA_LIMIT } from "../../sasl/exchange.ts";
import { byteText } from "../../sasl/text.ts";
import { ClientGone } from "../client_login.ts";
import { literalAtEnd } from "../literal.ts";
import {
  ARGUMENT_LIMIT,
  BadCommand,
  isAstringChar,
  isLenientAstringChar,
  LINE_LIMIT,
  LITERAL_LIMIT,
  TAG_LIMIT,
} from "./wire.ts";

/** What a command needs of the client's leg. */
export interface CommandIo {
  readonly reader: LineReader;
  write(data: string): Promise<void>;
}

// Tag, AUTHENTICATE, a mechanism of 20 characters and the spaces, besides the data itself.
const AUTHENTICATE_LINE_LIMIT = SASL_DATA_LIMIT + TAG_LIMIT + 40;
const AUTHENTICATE = /^[^ ]+ authenticate /i;
// RFC 2971 3.3: at most 30 fields, names of 30 octets, values of 1,024.
const ID_FIELDS = 30;
const ID_NAME_LIMIT = 30;
const ID_VALUE_LIMIT = 1024;
// A command with two arguments needs two, ID with 30 pairs 60.
const LITERALS_IN_COMMAND = 64;
const DRAIN_CHUNK = 4096;
const CONTINUE = "+ Ready for literal data\r\n";

const SPACE = 0x20;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACE = 0x7b;
const OPEN = 0x28;
const CLOSE = 0x29;
const PLUS = 0x2b;

/**
 * One command, read as far as its grammar has been followed: a literal is asked for only where an
 * argument may stand, so a refused command never invites the rest of itself.
 */
export class Command {
  #at = 0;
  #literals = 0;
  #literalBytes = 0;

  private constructor(
    private readonly io: CommandIo,
    private line: Uint8Array,
    private readonly nonSyncLimit: number,
  ) {}

  /**
   * The next command of the client, null at the end of the stream. `nonSyncLimit` bounds `{n+}`
   * literals (RFC 7888 5: 4,096 under LITERAL-). Throws LineTooLong.
   */
  static async read(
    io: CommandIo,
    nonSyncLimit: number,
  ): Promise<Command | null> {
    const line = await io.reader.readLine(AUTHENTICATE_LINE_LIMIT);
    if (line === null) return null;
    const { bytes } = line;
    if (bytes.length > LINE_LIMIT && !isAuthenticate(bytes)) {
      throw new LineTooLong(LINE_LIMIT);
    }
    return new Command(io, bytes, nonSyncLimit);
  }

  /** The tag and the space behind it. */
  tag(): string {
    const tag = this.#run((byte) => isAstringChar(byte) && byte !== PLUS);
    if (tag.length === 0) throw new BadCommand("Command needs a tag");
    if (tag.length > TAG_LIMIT) throw new BadCommand("Tag too long");
    this.space();
    return byteText(tag);
  }

  /** An atom in upper case: the command's name, a mechanism. */
  word(): string {
    const word = this.#run(isAstringChar);
    if (word.length === 0) throw new BadCommand("Syntax error");
    return byteText(word).toUpperCase();
  }

  /** Exactly one space. */
  space(): void {
    if (this.line[this.#at] !== SPACE) throw new BadCommand("Syntax error");
    this.#at++;
  }

  /** Nothing may follow. */
  end(): void {
    if (!this.atEnd) throw new BadCommand("Unexpected arguments");
  }

  get atEnd(): boolean {
    return this.#at === this.line.length;
  }

  /** What is left of the line, as ASCII; anything else in it is refused. */
  rest(): string {
    const rest = this.#run((byte) => byte > 0x20 && byte < 0x7f);
    this.end();
    return byteText(rest);
  }

  /** RFC 9051 9: astring, as octets. */
  astring(): Promise<Uint8Array> {
    if (this.#atString()) return this.#string(ARGUMENT_LIMIT);
    const atom = this.#run(isLenientAstringChar);
    if (atom.length === 0) throw new BadCommand("Syntax error");
    return Promise.resolve(withinLimit(atom, ARGUMENT_LIMIT));
  }

  /** RFC 2971 3.1: NIL, or a list of names and values. Names are lower-cased, values are octets. */
  async idParameters(): Promise<ReadonlyMap<string, Uint8Array | null>> {
    const fields = new Map<string, Uint8Array | null>();
    if (this.line[this.#at] !== OPEN) {
      if (this.word() !== "NIL") throw new BadCommand("Syntax error");
      return fields;
    }
    this.#at++;
    for (let count = 0; this.line[this.#at] !== CLOSE; count++) {
      if (count === ID_FIELDS) throw new BadCommand("Too many ID fields");
      if (count > 0) this.space();
      const name = byteText(await this.#string(ID_NAME_LIMIT)).toLowerCase();
      this.space();
      fields.set(name, await this.#nstring(ID_VALUE_LIMIT));
    }
    this.#at++;
    return fields;
  }

  /**
   * Read past what is left of a command that is refused: data of a non-synchronizing literal comes
   * without being asked for, that of a synchronizing one never will (RFC 7888 4).
   */
  async skip(): Promise<void> {
    for (;;) {
      const literal = literalAtEnd(this.line);
      if (literal === null || literal.synchronizing) break;
      this.#count(literal.size);
      for (let left = literal.size; left > 0; left -= DRAIN_CHUNK) {
        await this.#bytes(Math.min(left, DRAIN_CHUNK));
      }
      await this.#nextLine();
    }
    this.#at = this.line.length;
  }

  #atString(): boolean {
    const byte = this.line[this.#at];
    return byte === QUOTE || byte === OPEN_BRACE;
  }

  #nstring(limit: number): Promise<Uint8Array | null> {
    if (this.#atString()) return this.#string(limit);
    if (this.word() !== "NIL") throw new BadCommand("Syntax error");
    return Promise.resolve(null);
  }

  // deno-lint-ignore require-await -- so that a refusal is a rejection in either branch
  async #string(limit: number): Promise<Uint8Array> {
    if (!this.#atString()) throw new BadCommand("Syntax error");
    return this.line[this.#at] === QUOTE
      ? this.#quoted(limit)
      : this.#literal(limit);
  }

  #quoted(limit: number): Uint8Array {
    const bytes = new Uint8Array(this.line.length - this.#at);
    let length = 0;
    for (let at = this.#at + 1; at < this.line.length; at++) {
      let byte = this.line[at] ?? 0;
      if (byte === QUOTE) {
        this.#at = at + 1;
        return withinLimit(bytes.subarray(0, length), limit);
      }
      if (byte === BACKSLASH) {
        byte = this.line[++at] ?? 0;
        // RFC 9051 9: only quoted-specials are escaped.
        if (byte !== QUOTE && byte !== BACKSLASH) break;
      }
      bytes[length++] = byte;
    }
    throw new BadCommand("Quoted string is malformed or not closed");
  }

  async #literal(limit: number): Promise<Uint8Array> {
    const literal = literalAtEnd(this.line);
    if (literal === null || literal.start !== this.#at) {
      throw new BadCommand("Syntax error");
    }
    const { size, synchronizing } = literal;
    if (size > limit || (!synchronizing && size > this.nonSyncLimit)) {
      throw new BadCommand("Literal too large");
    }
    this.#count(size);
    if (synchronizing) await this.io.write(CONTINUE);
    const bytes = await this.#bytes(size);
    await this.#nextLine();
    return bytes;
  }

  /** A client that sends more than any command needs cannot be followed: the session ends. */
  #count(size: number): void {
    this.#literalBytes += size;
    if (
      ++this.#literals > LITERALS_IN_COMMAND ||
      this.#literalBytes > LITERAL_LIMIT
    ) throw new LineTooLong(LITERAL_LIMIT);
  }

  async #bytes(count: number): Promise<Uint8Array> {
    const bytes = await this.io.reader.readBytes(count);
    if (bytes === null) throw new ClientGone();
    return bytes;
  }

  async #nextLine(): Promise<void> {
    const line = await this.io.reader.readLine(LINE_LIMIT);
    if (line === null) throw new ClientGone();
    this.line = line.bytes;
    this.#at = 0;
  }

  #run(accepts: (byte: number) => boolean): Uint8Array {
    const start = this.#at;
    while (this.#at < this.line.length && accepts(this.line[this.#at] ?? 0)) {
      this.#at++;
    }
    return this.line.subarray(start, this.#at);
  }
}

function withinLimit(bytes: Uint8Array, limit: number): Uint8Array {
  if (bytes.length > limit) throw new BadCommand("Argument too long");
  return bytes;
}

function isAuthenticate(line: Uint8Array): boolean {
  return AUTHENTICATE.test(byteText(line.subarray(0, TAG_LIMIT + 16)));
}
