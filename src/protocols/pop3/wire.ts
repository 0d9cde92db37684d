/** The lines of POP3 (RFC 1939 section 3) that both sides of the proxy need. */
import { type Line, LineTooLong } from "../../net/line_reader.ts";
import { SASL_DATA_LIMIT } from "../../sasl/exchange.ts";
import { byteText } from "../../sasl/text.ts";
import { lineText } from "../backend_lines.ts";
import type { ClientIo } from "../protocol.ts";

/** A command line other than AUTH, terminator not counted (spec section 3). */
const LINE_LIMIT = 8 * 1024;
// AUTH, a mechanism of 20 characters and the spaces, besides the data itself.
const AUTH_LINE_LIMIT = SASL_DATA_LIMIT + 40;
/** RFC 2449 4: the longest command that every server takes, terminator included. */
export const SENT_LINE_LIMIT = 255;

const SPACE = 0x20;

/** A command that breaks the grammar: answered with -ERR and this text. */
export class BadCommand extends Error {
  override readonly name = "BadCommand";
}

/** A command of the client's. */
export interface Command {
  /** In upper case. */
  readonly name: string;
  /** All that follows the space behind the name, as it came; null when there is no space. */
  readonly rest: Uint8Array | null;
  /** The line could not have been meant so: nothing of it may be carried out or passed on. */
  readonly damaged: boolean;
}

/** The client's next command, null at the end of the stream. Throws LineTooLong. */
export async function readCommand(io: ClientIo): Promise<Command | null> {
  const line = await io.reader.readLine(AUTH_LINE_LIMIT);
  if (line === null) return null;
  const command = parseCommand(line);
  if (line.bytes.length > LINE_LIMIT && command.name !== "AUTH") {
    throw new LineTooLong(LINE_LIMIT);
  }
  return command;
}

/** RFC 1939 3: a keyword, and arguments separated by single spaces. */
export function parseCommand({ bytes, bare }: Line): Command {
  const space = bytes.indexOf(SPACE);
  const name = space < 0 ? bytes : bytes.subarray(0, space);
  return {
    name: lineText(name).toUpperCase(),
    rest: space < 0 ? null : bytes.subarray(space + 1),
    damaged: bare || hasControl(bytes),
  };
}

/** The client's answer to a SASL challenge as it stands, null when it went away (RFC 5034 4). */
export async function ask(
  io: ClientIo,
  challenge: string,
): Promise<string | null> {
  await io.write(`+ ${challenge}\r\n`);
  const line = await io.reader.readLine(SASL_DATA_LIMIT);
  if (line === null) return null;
  const text = byteText(line.bytes);
  // What ended in a bare LF is no answer: this is not base64 whatever came.
  return line.bare ? `${text}\n` : text;
}

/** NUL and line ends cannot be part of a command: they would be one of somebody else's making. */
function hasControl(bytes: Uint8Array): boolean {
  return bytes.some((byte) => byte === 0 || byte === 0x0a || byte === 0x0d);
}

/** One reply; `text` is what follows the mark (RFC 1939 3, RFC 5034 4). */
export interface Reply {
  readonly kind: "ok" | "err" | "challenge";
  readonly text: string;
}

/** Null for a line that is no reply. */
export function parseReply(line: string): Reply | null {
  const match = /^(\+OK|-ERR|\+)(?: (.*))?$/is.exec(line);
  if (match === null) return null;
  const text = match[2] ?? "";
  switch (match[1]) {
    case "+":
      return { kind: "challenge", text };
    // RFC 1939 3: servers must send them in upper case, which not all of them know.
    default:
      return { kind: line.startsWith("+") ? "ok" : "err", text };
  }
}

/**
 * Capability words in upper case from the lines of a CAPA reply: the keyword of each line, and with
 * each of its parameters behind it, as `SASL` and `SASL PLAIN` (RFC 2449 5).
 */
export function capabilityWords(lines: readonly string[]): Set<string> {
  const words = new Set<string>();
  for (const line of lines) {
    const [keyword = "", ...parameters] = line.toUpperCase().split(" ")
      .filter((word) => word !== "");
    if (keyword === "") continue;
    words.add(keyword);
    for (const parameter of parameters) words.add(`${keyword} ${parameter}`);
  }
  return words;
}
