import { LineTooLong } from "../../net/line_reader.ts";
import { SASL_DATA_LIMIT } from "../../sasl/exchange.ts";
import { byteText, decodeUtf8 } from "../../sasl/text.ts";
import { ClientGone } from "../client_login.ts";
import { literalAtEnd } from "../literal.ts";
import type { ClientIo } from "../protocol.ts";
import { type Token, tokens } from "./wire.ts";

/** A command line other than AUTHENTICATE, terminator not counted (spec section 3). */
const LINE_LIMIT = 8 * 1024;
/** Literals of one command, together. */
const LITERAL_LIMIT = 64 * 1024;
// No command before the login takes more than two arguments; others are only read past.
const LITERALS_IN_COMMAND = 16;
// The command's name, a mechanism of 20 characters, quotes and spaces, besides the data itself.
const SASL_LINE_LIMIT = SASL_DATA_LIMIT + 64;
const AUTHENTICATE = /^authenticate /i;

/** A command as the client wrote it. */
export interface Command {
  /** In upper case; "" where none can be made out. */
  readonly name: string;
  /** Null where the grammar is broken. */
  readonly args: readonly Token[] | null;
}

/**
 * The next command with all of its literals, null at the end of the stream. RFC 5804 4: a client's
 * literal is sent without a go-ahead; one without the plus is taken alike, for no server has ever
 * had a go-ahead to give. Throws LineTooLong, and ClientGone in the middle of a command.
 */
export async function readCommand(io: ClientIo): Promise<Command | null> {
  const found = await readTokens(io, (line) => AUTHENTICATE.test(line));
  if (found === null) return null;
  const [name, ...args] = found.tokens ?? [];
  return {
    name: /^\S*/.exec(found.start)?.[0].toUpperCase() ?? "",
    args: name?.kind === "atom" ? args : null,
  };
}

/**
 * RFC 5804 2.1: the client's answer to a challenge, a string in either form; null when it went away.
 * What is no string comes back as text that no base64 is.
 */
export async function readAnswer(io: ClientIo): Promise<string | null> {
  const found = await readTokens(io, () => true);
  if (found === null) return null;
  const [answer, ...more] = found.tokens ?? [];
  return answer?.kind === "string" && more.length === 0 ? answer.text : "?";
}

interface Found {
  readonly start: string;
  readonly tokens: readonly Token[] | null;
}

/** `mayBeLong` says by its start whether a line may hold SASL data. */
async function readTokens(
  io: ClientIo,
  mayBeLong: (start: string) => boolean,
): Promise<Found | null> {
  let line = await io.reader.readLine(SASL_LINE_LIMIT);
  if (line === null) return null;
  const start = byteText(line.bytes.subarray(0, 32));
  if (line.bytes.length > LINE_LIMIT && !mayBeLong(start)) {
    throw new LineTooLong(LINE_LIMIT);
  }
  const lines: (string | null)[] = [];
  const literals: (string | null)[] = [];
  let octets = 0;
  for (;;) {
    const literal = literalAtEnd(line.bytes);
    const text = line.bytes.subarray(0, literal?.start ?? line.bytes.length);
    // A line end that only some read as one is how commands are smuggled (RFC 5804 4: CRLF).
    lines.push(line.bare ? null : decodeUtf8(text));
    if (literal === null) break;
    octets += literal.size;
    if (octets > LITERAL_LIMIT || literals.length === LITERALS_IN_COMMAND) {
      // What is not read cannot be told from commands: the session ends.
      throw new LineTooLong(LITERAL_LIMIT);
    }
    literals.push(
      decodeUtf8(required(await io.reader.readBytes(literal.size))),
    );
    line = required(await io.reader.readLine(LINE_LIMIT));
  }
  if (!allText(lines) || !allText(literals)) return { start, tokens: null };
  return { start, tokens: tokens({ lines, literals }) };
}

function allText(all: readonly (string | null)[]): all is readonly string[] {
  return !all.includes(null);
}

function required<T>(read: T | null): T {
  if (read === null) throw new ClientGone();
  return read;
}
