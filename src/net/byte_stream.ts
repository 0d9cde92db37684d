/**
 * The least that a leg needs of a connection. `Deno.TcpConn` and `Deno.TlsConn` satisfy it as they
 * are; the node:tls path is adapted to it. A closed stream makes a pending read throw,
 * but a pending write only when `close` of bridge.ts closed it.
 */
export interface ByteStream {
  /** Bytes read, or null at the end of the stream. */
  read(into: Uint8Array): Promise<number | null>;
  /** Bytes written, possibly fewer than given. */
  write(bytes: Uint8Array): Promise<number>;
  /** Half-close: no more bytes will be written. */
  closeWrite(): Promise<void>;
  close(): void;
}

/** How many writes are under way on each stream that has any. */
const writes = new Map<ByteStream, number>();

/** A write begins that `close` has to end; `endWrite` follows, however it went. */
export function beginWrite(stream: ByteStream): void {
  writes.set(stream, (writes.get(stream) ?? 0) + 1);
}

export function endWrite(stream: ByteStream): void {
  const left = (writes.get(stream) ?? 0) - 1;
  if (left > 0) writes.set(stream, left);
  else writes.delete(stream);
}

/** Is a write under way that was announced with `beginWrite`? */
export function isWriting(stream: ByteStream): boolean {
  return writes.has(stream);
}

/** The stream is being closed: true when writes are under way on it, which then no longer count. */
export function cutWrites(stream: ByteStream): boolean {
  return writes.delete(stream);
}

/** Write all of `bytes`, however many writes it takes. */
export async function writeAll(
  stream: ByteStream,
  bytes: Uint8Array,
): Promise<void> {
  beginWrite(stream);
  try {
    let done = await stream.write(bytes);
    while (done < bytes.length) {
      done += await stream.write(bytes.subarray(done));
    }
  } finally {
    endWrite(stream);
  }
}
