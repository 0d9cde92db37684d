/** Bodies on their way from one leg to the other, in one buffer, as far as they belong to their message. */
import { type ByteStream, writeAll } from "../../net/byte_stream.ts";
import type { LineReader } from "../../net/line_reader.ts";
import { ChunkScanner } from "../../protocols/http/chunks.ts";
import type { Framing } from "../../protocols/http/framing.ts";

/** Also of a reader that has had a body: with it, one read takes a usual head and a small body. */
export const SMALL = 4 * 1024;
const LARGE = 64 * 1024;

const encoder = new TextEncoder();
const CRLF = encoder.encode("\r\n");

/** Follows one body through its bytes. */
export interface Meter {
  /** How many of `bytes`, which come next, are the body's. Throws HttpFault. */
  take(bytes: Uint8Array): number;
  /** All of the body was taken; a trailer section follows a chunked one. */
  readonly done: boolean;
  /** At most so many bytes are still to come, as far as is known. */
  readonly left: number;
}

/** `faultStatus`: of the HttpFault for a body that breaks its framing. */
export function meterOf(framing: Framing, faultStatus: number): Meter {
  switch (framing.kind) {
    case "none":
      return new LengthMeter(0);
    case "length":
      return new LengthMeter(framing.length);
    case "chunked":
      return new ChunkMeter(new ChunkScanner(faultStatus));
    case "close":
      return new EndlessMeter();
  }
}

class LengthMeter implements Meter {
  constructor(public left: number) {}

  get done(): boolean {
    return this.left === 0;
  }

  take(bytes: Uint8Array): number {
    const count = Math.min(bytes.length, this.left);
    this.left -= count;
    return count;
  }
}

class ChunkMeter implements Meter {
  readonly left = Infinity;

  constructor(private readonly scanner: ChunkScanner) {}

  get done(): boolean {
    return this.scanner.done;
  }

  take(bytes: Uint8Array): number {
    return this.scanner.scan(bytes);
  }
}

class EndlessMeter implements Meter {
  readonly left = Infinity;
  readonly done = false;

  take(bytes: Uint8Array): number {
    return bytes.length;
  }
}

/** What waits in `reader` of the body, consumed; it holds until more is read. */
export function takeWaiting(
  reader: LineReader,
  meter: Meter,
): Uint8Array | undefined {
  if (meter.done || reader.buffered === 0) return undefined;
  const { view } = reader;
  const count = meter.take(view);
  reader.skip(count);
  return view.subarray(0, count);
}

/** Which leg broke off in the middle of a body. */
export class BrokenOff extends Error {
  override readonly name = "BrokenOff";
  constructor(readonly leg: "source" | "sink") {
    super(`the ${leg} of a body broke off`);
  }
}

/**
 * Each piece as a chunk of its own (RFC 9112 7.1), for a body whose length nobody says: where it breaks off,
 * its last chunk is missing.
 */
export class ChunkingStream implements ByteStream {
  constructor(private readonly stream: ByteStream) {}

  async write(bytes: Uint8Array): Promise<number> {
    if (bytes.length === 0) return 0;
    const line = encoder.encode(`${bytes.length.toString(16)}\r\n`);
    const chunk = new Uint8Array(line.length + bytes.length + 2);
    chunk.set(line);
    chunk.set(bytes, line.length);
    chunk.set(CRLF, line.length + bytes.length);
    await writeAll(this.stream, chunk);
    return bytes.length;
  }

  read(into: Uint8Array): Promise<number | null> {
    return this.stream.read(into);
  }

  closeWrite(): Promise<void> {
    return this.stream.closeWrite();
  }

  close(): void {
    this.stream.close();
  }
}

/** The last chunk, behind which is nothing. */
export const LAST_CHUNK = encoder.encode("0\r\n\r\n");

/**
 * Copy the rest of a body. What was read is written before more is read, so a sink that does not
 * take it costs one buffer. `passed` is told of each piece. Throws BrokenOff, or the meter's HttpFault.
 * A body that ends with its stream ends this when that has ended in order.
 */
export async function copyBody(
  reader: LineReader,
  meter: Meter,
  to: ByteStream,
  passed: (count: number) => void,
): Promise<void> {
  let size = meter.left <= SMALL ? SMALL : LARGE;
  // Events come one by one and far between: they need no large buffer, until they do.
  if (meter.left === Infinity) size = SMALL;
  try {
    while (!meter.done) {
      if (reader.buffered === 0) {
        reader.resize(size);
        if (!await reader.more()) {
          if (meter instanceof EndlessMeter && !reader.broken) return;
          throw new BrokenOff("source");
        }
      }
      const waiting = reader.view;
      const count = meter.take(waiting);
      passed(count);
      try {
        await writeAll(to, waiting.subarray(0, count));
      } catch {
        throw new BrokenOff("sink");
      }
      reader.skip(count);
      if (count === size) size = LARGE;
    }
  } finally {
    reader.resize(SMALL);
  }
}
