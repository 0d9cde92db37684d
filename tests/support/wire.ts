/** Buffered reading and whole writes over one connection, for scripted clients and fake backends. */

const decoder = new TextDecoder();
const encoder = new TextEncoder();
const LF = 10;
const CR = 13;

export function closeQuietly(conn: Deno.Conn): void {
  try {
    conn.close();
  } catch {
    // Closed by the other half of the test already.
  }
}

export class Wire implements Disposable {
  #buffer = new Uint8Array(0);

  /** `seen` is told of all bytes as they are read. */
  constructor(
    readonly conn: Deno.Conn,
    private readonly seen: (bytes: Uint8Array) => unknown = () => {},
  ) {}

  /** Bytes read and not yet asked for. */
  get buffered(): number {
    return this.#buffer.length;
  }

  /** The next line without its end; null at the end of the stream, a reset included. */
  async readLine(): Promise<string | null> {
    for (;;) {
      const at = this.#buffer.indexOf(LF);
      if (at >= 0) {
        const stop = at > 0 && this.#buffer[at - 1] === CR ? at - 1 : at;
        const line = decoder.decode(this.#buffer.subarray(0, stop));
        this.#buffer = this.#buffer.subarray(at + 1);
        return line;
      }
      if (!await this.#more()) return null;
    }
  }

  /** All up to the first `mark` (ASCII), that included; null when the stream ends before. */
  async readThrough(mark: string): Promise<Uint8Array | null> {
    for (let from = 0;;) {
      const at = this.#find(mark, from);
      if (at >= 0) return await this.readBytes(at + mark.length);
      from = Math.max(0, this.#buffer.length - mark.length + 1);
      if (!await this.#more()) return null;
    }
  }

  /** Exactly `count` bytes; null when the stream ends before. */
  async readBytes(count: number): Promise<Uint8Array | null> {
    while (this.#buffer.length < count) {
      if (!await this.#more()) return null;
    }
    const bytes = this.#buffer.slice(0, count);
    this.#buffer = this.#buffer.subarray(count);
    return bytes;
  }

  /** Throw away everything that comes; answers how many bytes there were before the end. */
  async drain(): Promise<number> {
    let count = this.#buffer.length;
    this.#buffer = new Uint8Array(0);
    const into = new Uint8Array(65536);
    for (;;) {
      const got = await this.conn.read(into).catch(() => null);
      if (got === null) return count;
      count += got;
    }
  }

  /** All that comes until the end, as text. */
  async readAll(): Promise<string> {
    while (await this.#more());
    const text = decoder.decode(this.#buffer);
    this.#buffer = new Uint8Array(0);
    return text;
  }

  async send(data: string | Uint8Array): Promise<void> {
    const bytes = typeof data === "string" ? encoder.encode(data) : data;
    for (let done = 0; done < bytes.length;) {
      done += await this.conn.write(bytes.subarray(done));
    }
  }

  /** What was read beyond the last line, handed over to whoever takes the connection. */
  takeBuffered(): Uint8Array {
    const rest = this.#buffer;
    this.#buffer = new Uint8Array(0);
    return rest;
  }

  close(): void {
    closeQuietly(this.conn);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #find(mark: string, from: number): number {
    const codes = encoder.encode(mark);
    for (let at = from;; at++) {
      at = this.#buffer.indexOf(codes[0]!, at);
      if (at < 0) return -1;
      if (codes.every((code, i) => this.#buffer[at + i] === code)) return at;
    }
  }

  async #more(): Promise<boolean> {
    const into = new Uint8Array(16384);
    const got = await this.conn.read(into).catch(() => null);
    if (got === null) return false;
    this.seen(into.subarray(0, got));
    const grown = new Uint8Array(this.#buffer.length + got);
    grown.set(this.#buffer);
    grown.set(into.subarray(0, got), this.#buffer.length);
    this.#buffer = grown;
    return true;
  }
}
