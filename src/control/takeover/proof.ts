import { writeDurably } from "../../store/durable_file.ts";

const SECRET_BYTES = 16;

/**
 * Shows that a peer is of the same user: a file beside the socket that only that user can read. What is
 * handed over has secrets in it, and whoever may write to the socket need not be allowed to read them.
 */
export class Proof {
  readonly #secret = crypto.getRandomValues(new Uint8Array(SECRET_BYTES))
    .toHex();
  readonly path: string;
  #shown = false;

  constructor(socket: string) {
    this.path = `${socket}.${crypto.randomUUID()}`;
  }

  get shown(): boolean {
    return this.#shown;
  }

  /** Throws what writing throws. */
  async ask(): Promise<string> {
    await writeDurably(this.path, this.#secret);
    return this.path;
  }

  /** Throws where it is another secret. */
  show(secret: string): void {
    if (secret !== this.#secret) throw new Error("that is not what it says");
    this.#shown = true;
  }

  async remove(): Promise<void> {
    await Deno.remove(this.path).catch(() => {});
  }
}
