import {
  beginWrite,
  type ByteStream,
  cutWrites,
  endWrite,
  writeAll,
} from "./byte_stream.ts";
import type { HandedOver } from "./line_reader.ts";
import { shutDown } from "./shut_down.ts";
import type { SocketEnds } from "./socket_names.ts";

/**
 * Idle directions wait in a small buffer, busy ones in a large one from a free list: two large
 * buffers held by pending reads would be the most of an idle session's memory, and small ones
 * double the cost of bulk.
 */
const SMALL = 512;
const LARGE = 64 * 1024;
/** A read below this does not need a large buffer. */
const SPARSE = 4096;
/** After so many sparse reads in a row the large buffer goes back. */
const SPARSE_READS = 2;
const FREE_MAX = 64;

const free: Uint8Array<ArrayBuffer>[] = [];

/** Counters of one bridge, shared with whoever reports and limits it. */
export interface Flow {
  /** Bytes from the first stream to the second, and back. */
  forward: number;
  backward: number;
  /** Set to true by every chunk; whoever watches for idleness sets it back. */
  active: boolean;
}

/** One stream of a bridge, with what its reader had already taken. */
export interface BridgeEnd {
  readonly stream: ByteStream;
  readonly taken?: HandedOver;
}

/** Which end stopped first, and whether by an orderly end of stream. */
export interface BridgeResult {
  readonly first: "forward" | "backward";
  readonly orderly: boolean;
}

type Direction = "forward" | "backward";

/**
 * Copy bytes both ways until both directions have ended. An end of stream is passed on as a
 * half-close; an error in either direction ends both. Each direction has one buffer and reads only
 * when its last bytes were written, so a peer that does not read costs that buffer alone. Both
 * streams are closed when this resolves; it never rejects.
 */
export async function bridge(
  left: BridgeEnd,
  right: BridgeEnd,
  flow: Flow,
): Promise<BridgeResult> {
  let result: BridgeResult | undefined;
  const run = async (
    direction: Direction,
    from: BridgeEnd,
    to: BridgeEnd,
  ): Promise<void> => {
    try {
      await pump(direction, from, to.stream, flow);
      result ??= { first: direction, orderly: true };
      await to.stream.closeWrite();
    } catch {
      result ??= { first: direction, orderly: false };
      close(left.stream);
      close(right.stream);
    }
  };
  await Promise.all([
    run("forward", left, right),
    run("backward", right, left),
  ]);
  close(left.stream);
  close(right.stream);
  return result!;
}

/** What was closed: for a second close the runtime makes an error with a stack, at every session's end. */
const closed = new WeakSet<ByteStream>();

/**
 * Close a stream that may be closed already. A write under way fails, also where the peer does not
 * read: the runtime alone would wait for it, and the session with it.
 */
export function close(stream: ByteStream): void {
  const ends = cutWrites(stream) ? endsOf(stream) : null;
  if (!closed.has(stream)) {
    closed.add(stream);
    try {
      stream.close();
    } catch {
      // Somebody else closed it, or the runtime did when its peer was gone.
    }
  }
  if (ends) shutDown(ends);
}

/** The addresses of a stream that is a connection of the runtime; others end their writes themselves. */
function endsOf(stream: ByteStream): SocketEnds | null {
  if (!("remoteAddr" in stream)) return null;
  const { remoteAddr, localAddr } = stream as unknown as SocketEnds;
  return { remoteAddr, localAddr };
}

async function pump(
  direction: Direction,
  from: BridgeEnd,
  to: ByteStream,
  flow: Flow,
): Promise<void> {
  const source = from.stream;
  if (from.taken) {
    const { buffered, pending } = from.taken;
    if (buffered.length > 0) {
      flow[direction] += buffered.length;
      await writeAll(to, buffered);
    }
    if (pending) {
      const count = await pending.read;
      if (count === null) return;
      flow[direction] += count;
      flow.active = true;
      await writeAll(to, pending.into.subarray(0, count));
    }
  }
  const small = new Uint8Array(SMALL);
  let buffer: Uint8Array<ArrayBuffer> = small;
  let sparse = 0;
  try {
    for (;;) {
      const count = await source.read(buffer);
      if (count === null) return;
      flow[direction] += count;
      flow.active = true;
      beginWrite(to);
      try {
        let done = await to.write(
          count === buffer.length ? buffer : buffer.subarray(0, count),
        );
        while (done < count) {
          done += await to.write(buffer.subarray(done, count));
        }
      } finally {
        endWrite(to);
      }
      if (buffer === small) {
        if (count === SMALL) buffer = free.pop() ?? new Uint8Array(LARGE);
      } else if (count >= SPARSE) {
        sparse = 0;
      } else if (++sparse === SPARSE_READS) {
        release(buffer);
        buffer = small;
        sparse = 0;
      }
    }
  } finally {
    if (buffer !== small) release(buffer);
  }
}

function release(buffer: Uint8Array<ArrayBuffer>): void {
  if (free.length < FREE_MAX) free.push(buffer);
}
