/** Bytes of the IMAP grammar (RFC 9051 section 9) that both sides of the proxy need. */

/** A command line other than AUTHENTICATE, terminator not counted (spec section 3). */
export const LINE_LIMIT = 8 * 1024;
/** Literals of one command, together. */
export const LITERAL_LIMIT = 64 * 1024;
export const ARGUMENT_LIMIT = 8000;
export const TAG_LIMIT = 128;

const decoder = new TextDecoder();

/** A command that breaks the grammar or a limit: answered with BAD and this text. */
export class BadCommand extends Error {
  override readonly name = "BadCommand";
}

/** The announcement of a literal at the end of a line (RFC 9051 4.3, RFC 7888). */
export interface LiteralSpec {
  /** Octets; may be more than any limit. */
  readonly size: number;
  /** The sender waits for a go-ahead: without one, no data follows. */
  readonly synchronizing: boolean;
  /** Where the brace stands in the line. */
  readonly start: number;
}

/** The literal that this line announces at its end, or null. */
export function literalAtEnd(line: Uint8Array): LiteralSpec | null {
  // 1*DIGIT has no upper bound in the grammar; what is longer than this cannot be a size in use.
  const tail = decoder.decode(line.subarray(Math.max(0, line.length - 32)));
  const match = /\{([0-9]+)(\+?)\}$/.exec(tail);
  if (match === null) return null;
  return {
    size: Number(match[1]),
    synchronizing: match[2] === "",
    start: line.length - match[0].length,
  };
}

/** RFC 9051 9: ASTRING-CHAR, which is ATOM-CHAR or `]`. */
export function isAstringChar(byte: number): boolean {
  return byte > 0x20 && byte < 0x7f && !isSpecial(byte);
}

/** `( ) { % * " \`. */
function isSpecial(byte: number): boolean {
  return byte === 0x28 || byte === 0x29 || byte === 0x7b || byte === 0x25 ||
    byte === 0x2a || byte === 0x22 || byte === 0x5c;
}

/**
 * What a LOGIN argument may hold unquoted. Beyond ASTRING-CHAR: imaplib and others send user names
 * bare, and those of master users and Windows domains have `%`, `*` and `\`.
 */
export function isLenientAstringChar(byte: number): boolean {
  return isAstringChar(byte) || byte === 0x25 || byte === 0x2a ||
    byte === 0x5c;
}

/** True when the text can go out as a quoted string to a server that knows no UTF-8. */
export function isQuotable(text: string): boolean {
  return /^[\x20-\x7e]*$/.test(text);
}

/** RFC 9051 9: quoted. The text must be `isQuotable`. */
export function quoted(text: string): string {
  return `"${text.replaceAll(/["\\]/g, "\\$&")}"`;
}
