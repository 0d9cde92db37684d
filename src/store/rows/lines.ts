/** Longest line of rows, in characters. */
export const LINE_LIMIT = 8192;

export const TOO_LONG_LINE = `line longer than ${LINE_LIMIT} characters`;

/** A line too long to be read; what it held is thrown away while it comes. */
export const TOO_LONG = Symbol("too long");

export type Line = string | typeof TOO_LONG;

/**
 * Takes a stream of bytes apart into lines, without their ends: LF or CRLF. A byte order mark at the start
 * is dropped; what is not UTF-8 comes out as U+FFFD. Of an unfinished line no more than LINE_LIMIT
 * characters are kept.
 */
export class LineSplitter {
  // It drops the byte order mark.
  readonly #decoder = new TextDecoder();
  #rest = "";
  #isSkipping = false;

  /** The lines that these bytes complete. */
  *push(bytes: Uint8Array): Generator<Line> {
    yield* this.#take(this.#decoder.decode(bytes, { stream: true }));
  }

  /** What is left at the end. */
  *finish(): Generator<Line> {
    yield* this.#take(this.#decoder.decode());
    if (this.#isSkipping) yield TOO_LONG;
    else if (this.#rest !== "") yield this.#line(this.#rest);
  }

  *#take(text: string): Generator<Line> {
    const lines = text.split("\n");
    const unfinished = lines.pop() as string;
    for (const line of lines) {
      yield this.#isSkipping ? TOO_LONG : this.#line(this.#rest + line);
      this.#rest = "";
      this.#isSkipping = false;
    }
    if (!this.#isSkipping) this.#rest += unfinished;
    if (this.#rest.length > LINE_LIMIT) {
      this.#rest = "";
      this.#isSkipping = true;
    }
  }

  #line(line: string): Line {
    if (line.length > LINE_LIMIT) return TOO_LONG;
    return line.endsWith("\r") ? line.slice(0, -1) : line;
  }
}
