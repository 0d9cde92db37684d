/** Reading and writing of the load generator and the dummy backend. */

const LF = 10;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** 64 KiB of nothing in particular: what bulk transfers are made of. */
const FILLER = new Uint8Array(65536).fill(0x78);

/** The same in lines, for messages that end with a dot: no line begins with one. */
const LINES = encoder.encode(`${"x".repeat(62)}\r\n`.repeat(1024));
const END = encoder.encode("\r\n.\r\n");

/** A connection with a line reader that can also skip counted bytes. */
export class Wire {
  #pending = new Uint8Array(0);
  #small = new Uint8Array(2048);

  constructor(readonly conn: Deno.Conn) {}

  /** One line without its end; null at the end of the stream. */
  async readLine(): Promise<string | null> {
    while (true) {
      const end = this.#pending.indexOf(LF);
      if (end >= 0) {
        const line = this.#pending.subarray(0, end);
        this.#pending = this.#pending.slice(end + 1);
        return decoder.decode(line).trimEnd();
      }
      const got = await this.conn.read(this.#small);
      if (got === null) return null;
      const joined = new Uint8Array(this.#pending.length + got);
      joined.set(this.#pending);
      joined.set(this.#small.subarray(0, got), this.#pending.length);
      this.#pending = joined;
    }
  }

  /** Reads `count` bytes and forgets them. */
  async skip(count: number): Promise<void> {
    const have = Math.min(count, this.#pending.length);
    this.#pending = this.#pending.slice(have);
    let left = count - have;
    if (left === 0) return;
    const buffer = new Uint8Array(Math.min(left, 65536));
    while (left > 0) {
      const got = await this.conn.read(
        left < buffer.length ? buffer.subarray(0, left) : buffer,
      );
      if (got === null) throw new Error(`end of stream, ${left} bytes missing`);
      left -= got;
    }
  }

  /**
   * Reads up to the dot that ends a message, or to another end. Nothing may follow it: only the
   * last bytes of what has come are looked at, which costs least.
   */
  async skipMessage(end = END): Promise<void> {
    let tail = this.#pending.slice(-end.length);
    this.#pending = new Uint8Array(0);
    const buffer = new Uint8Array(65536);
    while (!end.every((byte, index) => tail[index] === byte)) {
      const got = await this.conn.read(buffer);
      if (got === null) throw new Error("end of stream in a message");
      tail = new Uint8Array([
        ...tail,
        ...buffer.subarray(Math.max(0, got - end.length), got),
      ]).slice(-end.length);
    }
  }

  /** Writes text or bytes whole: `Deno.Conn.write` may write less. */
  async write(data: string | Uint8Array): Promise<void> {
    let rest = typeof data === "string" ? encoder.encode(data) : data;
    while (rest.length > 0) rest = rest.subarray(await this.conn.write(rest));
  }

  /** Writes `count` bytes of filler. */
  async writeFiller(count: number, filler = FILLER): Promise<void> {
    for (let left = count; left > 0; left -= filler.length) {
      await this.write(
        left < filler.length ? filler.subarray(0, left) : filler,
      );
    }
  }

  /** Writes a message of `count` bytes, and the dot that ends it. */
  async writeMessage(count: number): Promise<void> {
    await this.writeFiller(count, LINES);
    await this.write(END);
  }

  close(): void {
    try {
      this.conn.close();
    } catch {
      // Closed by the other end already.
    }
  }
}
