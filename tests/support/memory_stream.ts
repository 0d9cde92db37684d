import type { ByteStream } from "../../src/net/byte_stream.ts";

/** A peer that has said everything already: gives its bytes in pieces of these sizes, keeps what it is told. */
export class MemoryStream implements ByteStream {
  readonly #input: Uint8Array;
  readonly #pieceSize: () => number;
  #at = 0;
  #written = "";

  constructor(input: Uint8Array, pieceSize: () => number = () => Infinity) {
    this.#input = input;
    this.#pieceSize = pieceSize;
  }

  /** Everything that was written to it, one character for each byte. */
  get written(): string {
    return this.#written;
  }

  read(into: Uint8Array): Promise<number | null> {
    const rest = this.#input.subarray(this.#at);
    if (rest.length === 0) return Promise.resolve(null);
    const piece = rest.subarray(
      0,
      Math.min(into.length, Math.max(1, this.#pieceSize())),
    );
    into.set(piece);
    this.#at += piece.length;
    return Promise.resolve(piece.length);
  }

  write(bytes: Uint8Array): Promise<number> {
    this.#written += String.fromCharCode(...bytes);
    return Promise.resolve(bytes.length);
  }

  closeWrite(): Promise<void> {
    return Promise.resolve();
  }

  close(): void {}
}
