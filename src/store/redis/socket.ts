import { Buffer } from "node:buffer";
import { EventEmitter } from "node:events";
import { close } from "../../net/bridge.ts";
import { type ByteStream, writeAll } from "../../net/byte_stream.ts";

const READ_SIZE = 65_536;

/**
 * As much of a socket of node as the library uses, right over a connection of the runtime: a login waits for
 * its lookup, and each layer in between adds to that.
 */
export class RedisSocket extends EventEmitter {
  readonly connecting = false;
  destroyed = false;
  #waiting: Buffer[] = [];
  #isWriting = false;

  constructor(private readonly stream: ByteStream) {
    super();
  }

  get writable(): boolean {
    return !this.destroyed;
  }

  /** Whoever connected has seen to it. */
  setNoDelay(): void {}

  /** Likewise. */
  setKeepAlive(): void {}

  /** Begins to read; the library calls it once. */
  resume(): void {
    void this.#read();
  }

  /** What comes while something is written goes out together behind it. */
  write(commands: string | Uint8Array): void {
    this.#waiting.push(Buffer.from(commands));
    if (!this.#isWriting) void this.#write();
  }

  /** Closes at once; "error", where there is one, and "close" follow. */
  destroy(error?: unknown): void {
    if (this.destroyed) return;
    this.destroyed = true;
    close(this.stream);
    queueMicrotask(() => {
      if (error !== undefined) this.emit("error", error);
      this.emit("close");
    });
  }

  async #read(): Promise<void> {
    const into = Buffer.allocUnsafeSlow(READ_SIZE);
    try {
      while (!this.destroyed) {
        const count = await this.stream.read(into);
        if (count === null) break;
        // The library may keep what it is given.
        this.emit("data", Buffer.from(into.subarray(0, count)));
      }
      this.destroy();
    } catch (error) {
      this.destroy(error);
    }
  }

  async #write(): Promise<void> {
    this.#isWriting = true;
    try {
      while (this.#waiting.length > 0) {
        const [first, ...rest] = this.#waiting;
        this.#waiting = [];
        await writeAll(
          this.stream,
          rest.length === 0 ? first! : Buffer.concat([first!, ...rest]),
        );
      }
    } catch (error) {
      this.destroy(error);
    } finally {
      this.#isWriting = false;
    }
  }
}
