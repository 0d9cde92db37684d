/** Strings as IMAP and ManageSieve write them: quoted, or counted behind their line. */

const decoder = new TextDecoder();

/** The announcement of a literal at the end of a line (RFC 9051 4.3, RFC 7888, RFC 5804 4). */
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

/** RFC 9051 9, RFC 5804 4: quoted. The text has no line end and no NUL. */
export function quoted(text: string): string {
  return `"${text.replaceAll(/["\\]/g, "\\$&")}"`;
}
