/** BDAT: a message in counted chunks (RFC 3030). */

export interface Chunk {
  /** Octets that follow the line. */
  readonly size: number;
  /** It ends the message. */
  readonly last: boolean;
}

// RFC 3030 2.
const ARGUMENT = /^([0-9]{1,20})(?:[ \t]+(LAST))?$/i;

/** The argument of BDAT, null when it is malformed or larger than anybody could count. */
export function parseChunk(argument: string): Chunk | null {
  const [, digits, last] = ARGUMENT.exec(argument) ?? [];
  const size = Number(digits);
  return Number.isSafeInteger(size) ? { size, last: last !== undefined } : null;
}

/** The command for a server, with its line end. */
export function chunkCommand({ size, last }: Chunk): string {
  return `BDAT ${size}${last ? " LAST" : ""}\r\n`;
}
