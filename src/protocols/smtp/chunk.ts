/** BDAT: a message in counted chunks (RFC 3030). */

export interface Chunk {
  /** Octets that follow the line. */
  readonly size: number;
  /** It ends the message. */
  readonly last: boolean;
}

/** Where a server that counts in 32 bits would lose count, and read what follows as commands. */
const SIZE_LIMIT = 2 ** 31 - 1;

// RFC 3030 2.
const ARGUMENT = /^([0-9]{1,20})(?:[ \t]+(LAST))?$/i;

/** The argument of BDAT, null when it is malformed or has 2 GiB and more. */
export function parseChunk(argument: string): Chunk | null {
  const [, digits, last] = ARGUMENT.exec(argument) ?? [];
  const size = Number(digits);
  return size <= SIZE_LIMIT ? { size, last: last !== undefined } : null;
}

/** The command for a server, with its line end. */
export function chunkCommand({ size, last }: Chunk): string {
  return `BDAT ${size}${last ? " LAST" : ""}\r\n`;
}
