/** Where a message ends in a stream of DATA. */

const CR = 13;
const LF = 10;
const DOT = 46;

/** What the octets so far end in. */
const enum After {
  Text,
  Cr,
  /** CR with LF, as at the start. */
  Line,
  /** A line feed without CR: some servers take it for a line end. */
  LooseLine,
  /** A dot at the start of a line. */
  Dot,
  /** A dot behind a lone CR or LF. */
  LooseDot,
  DotCr,
}

/**
 * `end`: all of it and its end; `smuggled`: a dot on a line of its own, of which some servers would say
 * that the message ends there and commands follow; `more`: neither.
 */
export interface DataScan {
  readonly found: "more" | "end" | "smuggled";
  /** Octets up to and with the end; with "smuggled" up to the octet that would complete it. */
  readonly count: number;
}

/**
 * Only CR LF . CR LF ends a message (RFC 5321 4.1.1.4). Octets are given in pieces of any size; what
 * follows an end belongs to somebody else.
 */
export class DataEnd {
  #after: After = After.Line;

  scan(bytes: Uint8Array): DataScan {
    let after = this.#after;
    for (let at = 0; at < bytes.length; at++) {
      const next = step(after, bytes[at]!);
      if (next === "end") {
        this.#after = After.Line;
        return { found: "end", count: at + 1 };
      }
      if (next === "smuggled") {
        // Once found it is passed over as text, in search of the proper end.
        this.#after = After.Text;
        return { found: "smuggled", count: at };
      }
      after = next;
    }
    this.#after = after;
    return { found: "more", count: bytes.length };
  }
}

function step(after: After, byte: number): After | "end" | "smuggled" {
  if (byte === CR) {
    if (after === After.Dot) return After.DotCr;
    return after === After.LooseDot || after === After.DotCr
      ? "smuggled"
      : After.Cr;
  }
  if (byte === LF) {
    if (after === After.DotCr) return "end";
    if (after === After.Cr) return After.Line;
    return after === After.Dot || after === After.LooseDot
      ? "smuggled"
      : After.LooseLine;
  }
  if (after === After.DotCr) return "smuggled";
  if (byte !== DOT) return After.Text;
  if (after === After.Line) return After.Dot;
  return after === After.Cr || after === After.LooseLine
    ? After.LooseDot
    : After.Text;
}
