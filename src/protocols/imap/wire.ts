/** Bytes of the IMAP grammar (RFC 9051 section 9) that both sides of the proxy need. */

/** A command line other than AUTHENTICATE, terminator not counted (spec section 3). */
export const LINE_LIMIT = 8 * 1024;
/** Literals of one command, together. */
export const LITERAL_LIMIT = 64 * 1024;
export const ARGUMENT_LIMIT = 8000;
export const TAG_LIMIT = 128;

/** A command that breaks the grammar or a limit: answered with BAD and this text. */
export class BadCommand extends Error {
  override readonly name = "BadCommand";
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
