/**
 * The least that a leg needs of a connection. `Deno.TcpConn` and `Deno.TlsConn` satisfy it as they
 * are; the node:tls path is adapted to it. A closed stream makes a pending read throw.
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

/** Write all of `bytes`, however many writes it takes. */
export async function writeAll(
  stream: ByteStream,
  bytes: Uint8Array,
): Promise<void> {
  let done = await stream.write(bytes);
  while (done < bytes.length) done += await stream.write(bytes.subarray(done));
}
