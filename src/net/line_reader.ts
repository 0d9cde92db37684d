import type { ByteStream } from "./byte_stream.ts";

/** The peer sent a line (or literal) beyond the bound of its protocol. */
export class LineTooLong extends Error {
  override readonly name = "LineTooLong";
  constructor(readonly limit: number) {
    super(`line longer than ${limit} bytes`);
  }
}

/** A line without its terminator. `bare` is true when it ended in LF without CR. */
export interface Line {
  readonly bytes: Uint8Array;
  readonly bare: boolean;
}

/** What a reader had taken from its stream when the bridge took over. */
export interface HandedOver {
  /** Bytes read and not consumed. */
  readonly buffered: Uint8Array;
  /** A read that is under way, and the array that it fills. */
  readonly pending: {
    readonly into: Uint8Array;
    readonly read: Promise<number | null>;
  } | null;
}

const LF = 10;
const CR = 13;
const INITIAL = 512;
const EMPTY = new Uint8Array(0);
const NOTHING_MORE = Promise.resolve(false);

/**
 * Bounded reading of lines and counted bytes. Never more than one read is under way, and it stays
 * under way when the caller turns to something else (`watch`), so that a peer that leaves is noticed.
 */
export class LineReader {
  #buffer = new Uint8Array(INITIAL);
  #start = 0;
  #end = 0;
  #ended = false;
  #broken = false;
  #inFlight: { into: Uint8Array; read: Promise<number | null> } | null = null;
  /** What becomes of the read in flight. */
  #filling: Promise<boolean> | null = null;

  constructor(private readonly stream: ByteStream) {}

  /** How many bytes have been read and not consumed. */
  get buffered(): number {
    return this.#end - this.#start;
  }

  /** The bytes that wait, not consumed. Holds until the reader is used again. */
  get view(): Uint8Array {
    return this.#buffer.subarray(this.#start, this.#end);
  }

  /** Whether the stream ended without its peer having said so: a reset, or TLS that was cut off. */
  get broken(): boolean {
    return this.#broken;
  }

  /** One more read, behind what waits; false at the end of the stream. */
  more(): Promise<boolean> {
    return this.#fill();
  }

  /**
   * The next line of at most `limit` bytes, terminator not counted; null when the stream ended
   * (an unfinished line is dropped). Throws LineTooLong.
   */
  async readLine(limit: number): Promise<Line | null> {
    let scanned = 0;
    for (;;) {
      const at = this.#buffer.subarray(0, this.#end).indexOf(
        LF,
        this.#start + scanned,
      );
      if (at >= 0) {
        const bare = at === this.#start || this.#buffer[at - 1] !== CR;
        const stop = bare ? at : at - 1;
        if (stop - this.#start > limit) throw new LineTooLong(limit);
        const bytes = this.#buffer.slice(this.#start, stop);
        this.#consume(at + 1 - this.#start);
        return { bytes, bare };
      }
      scanned = this.buffered;
      if (scanned > limit + 1) throw new LineTooLong(limit);
      if (!await this.#fill()) return null;
    }
  }

  /** Exactly `count` bytes, or null when the stream ends before. */
  async readBytes(count: number): Promise<Uint8Array | null> {
    while (this.buffered < count) {
      if (!await this.#fill()) return null;
    }
    const bytes = this.#buffer.slice(this.#start, this.#start + count);
    this.#consume(count);
    return bytes;
  }

  /** The first `count` bytes without consuming them; fewer when the stream ends before. */
  async peek(count: number): Promise<Uint8Array> {
    while (this.buffered < count && await this.#fill());
    const stop = Math.min(this.#end, this.#start + count);
    return this.#buffer.slice(this.#start, stop);
  }

  /**
   * The bytes that wait, without consuming them; null when the stream has ended and none do. Bulk is
   * read into a buffer of `size`. The view holds until the reader is used again.
   */
  async waiting(size: number): Promise<Uint8Array | null> {
    this.resize(size);
    if (this.buffered === 0 && !await this.#fill()) return null;
    return this.view;
  }

  /** Consume bytes that wait. */
  skip(count: number): void {
    this.#consume(count);
  }

  /** An empty buffer of another size, by default the one of the start; harmless while bytes wait. */
  resize(size = INITIAL): void {
    if (
      this.buffered === 0 && this.#inFlight === null && !this.#ended &&
      this.#buffer.length !== size
    ) {
      this.#buffer = new Uint8Array(size);
      this.#start = this.#end = 0;
    }
  }

  /** Like `resize`, but only from a larger one. */
  shrink(size: number): void {
    if (this.#buffer.length > size) this.resize(size);
  }

  /**
   * Keep reading into the buffer while nobody consumes, until the stream ends ("ended") or `limit`
   * bytes wait ("full"). A pipelining client is so served later, and one that leaves is noticed now.
   */
  async watch(limit: number): Promise<"ended" | "full"> {
    while (this.buffered < limit) {
      if (!await this.#fill()) return "ended";
    }
    return "full";
  }

  /** Give up the stream to the bridge; the reader must not be used afterwards. */
  handOver(): HandedOver {
    const buffered = this.buffered === 0
      ? EMPTY
      : this.#buffer.slice(this.#start, this.#end);
    const pending = this.#inFlight;
    this.#inFlight = null;
    this.#ended = true;
    this.#buffer = EMPTY;
    this.#start = this.#end = 0;
    return { buffered, pending };
  }

  #consume(count: number): void {
    this.#start += count;
    if (this.#start === this.#end && this.#inFlight === null) {
      this.#start = this.#end = 0;
    }
  }

  /** One more read; false at the end of the stream. Concurrent callers share the read under way. */
  #fill(): Promise<boolean> {
    if (this.#ended) return NOTHING_MORE;
    return this.#filling ??= this.#read();
  }

  async #read(): Promise<boolean> {
    const current = this.#inFlight = this.#startRead();
    let count: number | null;
    try {
      count = await current.read;
    } catch {
      // Deno.Conn.close() makes a pending read throw: the same as an end for whoever reads lines.
      count = null;
      this.#broken = true;
    }
    if (this.#inFlight === current) {
      this.#inFlight = this.#filling = null;
      if (count === null) this.#ended = true;
      else this.#end += count;
    }
    return !this.#ended;
  }

  #startRead(): { into: Uint8Array; read: Promise<number | null> } {
    if (this.#end === this.#buffer.length) this.#makeRoom();
    const into = this.#buffer.subarray(this.#end);
    return { into, read: this.stream.read(into) };
  }

  #makeRoom(): void {
    const kept = this.view;
    if (kept.length * 2 <= this.#buffer.length) {
      this.#buffer.copyWithin(0, this.#start, this.#end);
    } else {
      const grown = new Uint8Array(this.#buffer.length * 2);
      grown.set(kept);
      this.#buffer = grown;
    }
    this.#start = 0;
    this.#end = kept.length;
  }
}
