/** A message of BDAT in the form of DATA. */

const CR = 13;
const LF = 10;
const DOT = 46;

/** What the octets so far end in. */
const enum After {
  Text,
  Cr,
  /** CR with LF, as at the start. */
  Line,
}

const encoder = new TextEncoder();
const END = encoder.encode(".\r\n");
const CUT_END = encoder.encode("\r\n.\r\n");
const NOTHING = new Uint8Array(0);

/**
 * Doubles the dots that start a line and adds the end (RFC 5321 4.5.2 and 4.1.1.4). A lone CR or LF has no
 * place in DATA (2.3.8), and servers differ about what it means there, so it stands against the whole
 * message (SMTP smuggling).
 */
export class DotStuffing {
  #after: After = After.Line;

  /**
   * The next octets of the message as they go out, and with `ends` its end; null when there is a lone CR
   * or LF, known of a CR at the latest with the octet that follows it.
   */
  take(bytes: Uint8Array, ends: boolean): Uint8Array | null {
    let after = this.#after;
    const dots: number[] = [];
    for (let at = 0; at < bytes.length; at++) {
      const byte = bytes[at]!;
      if ((after === After.Cr) !== (byte === LF)) return null;
      if (byte === DOT && after === After.Line) dots.push(at);
      after = byte === LF ? After.Line : byte === CR ? After.Cr : After.Text;
    }
    this.#after = after;
    if (ends && after === After.Cr) return null;
    const end = !ends ? NOTHING : after === After.Line ? END : CUT_END;
    return stuffed(bytes, dots, end);
  }
}

function stuffed(
  bytes: Uint8Array,
  dots: readonly number[],
  end: Uint8Array,
): Uint8Array {
  if (dots.length + end.length === 0) return bytes;
  const out = new Uint8Array(bytes.length + dots.length + end.length);
  let from = 0;
  let to = 0;
  for (const at of dots) {
    out.set(bytes.subarray(from, at), to);
    to += at - from;
    out[to++] = DOT;
    from = at;
  }
  out.set(bytes.subarray(from), to);
  out.set(end, out.length - end.length);
  return out;
}
