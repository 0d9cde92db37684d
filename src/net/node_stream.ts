import { Buffer } from "node:buffer";
import type net from "node:net";
import type { ByteStream } from "./byte_stream.ts";

/** The runtime's handle under a socket: the only place where reading can really be stopped. */
interface Handle {
  readStart(): void;
  readStop(): void;
}

/** What a write fails with on a closed socket: of the same kind as on the runtime's own connections. */
function cut(): Error {
  return new Deno.errors.Interrupted("closed");
}

/**
 * A node socket as a ByteStream; `raw` is the socket that carries it, itself where there is no TLS.
 * `pause()` alone gives no backpressure in this runtime, so reading stops at the raw socket's handle
 * while a chunk waits.
 */
export class NodeStream implements ByteStream {
  #chunks: Uint8Array[] = [];
  #ended = false;
  #failure: Error | null = null;
  #wake: (() => void) | null = null;
  /** Fails the write under way: the socket says nothing of it when it is destroyed. */
  #cutOff: ((error: Error) => void) | null = null;

  constructor(
    private readonly socket: net.Socket,
    private readonly raw: net.Socket,
  ) {
    socket.removeAllListeners("close");
    socket.on("data", (chunk: Uint8Array) => {
      this.#chunks.push(chunk);
      this.#handle()?.readStop();
      this.#notify();
    });
    const ended = () => {
      this.#ended = true;
      this.#notify();
    };
    socket.on("end", ended);
    socket.on("close", () => {
      ended();
      this.#cutOff?.(cut());
    });
    socket.on("error", (error) => {
      this.#failure = error;
      this.#notify();
    });
  }

  async read(into: Uint8Array): Promise<number | null> {
    while (this.#chunks.length === 0) {
      if (this.#failure) throw this.#failure;
      if (this.#ended) return null;
      this.#handle()?.readStart();
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    const chunk = this.#chunks[0]!;
    const count = Math.min(chunk.length, into.length);
    into.set(chunk.subarray(0, count));
    if (count === chunk.length) this.#chunks.shift();
    else this.#chunks[0] = chunk.subarray(count);
    return count;
  }

  write(bytes: Uint8Array): Promise<number> {
    return new Promise((resolve, reject) => {
      if (this.socket.destroyed) return reject(cut());
      this.#cutOff = reject;
      // The caller uses its buffer again once this resolves, which is when the bytes are out.
      this.socket.write(
        Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
        (error) => error ? reject(error) : resolve(bytes.length),
      );
    });
  }

  closeWrite(): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.socket.destroyed) return resolve();
      this.#cutOff = reject;
      this.socket.end(() => resolve());
    });
  }

  close(): void {
    this.#ended = true;
    this.#notify();
    this.#cutOff?.(cut());
    this.socket.destroy();
    this.raw.destroy();
  }

  #notify(): void {
    const wake = this.#wake;
    this.#wake = null;
    wake?.();
  }

  #handle(): Handle | null {
    return (this.raw as unknown as { _handle: Handle | null })._handle;
  }
}
