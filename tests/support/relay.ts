/** A connection between two programs that can be cut without either being told. */

export class Relay implements AsyncDisposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #open = new Set<Deno.Conn>();
  readonly #working: Promise<void>;
  #flows = Promise.resolve();
  #flow = () => {};

  constructor(private readonly target: number) {
    this.#working = this.#accept();
  }

  get port(): number {
    return this.#listener.addr.port;
  }

  /** From now on bytes are read and go nowhere; connections are accepted all the same. */
  cut(): void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#flows = promise;
    this.#flow = resolve;
  }

  /** What was held back does not come: the connections from before are closed, new ones work. */
  mend(): void {
    for (const conn of this.#open) close(conn);
    this.#open.clear();
    this.#flows = Promise.resolve();
    this.#flow();
  }

  async #accept(): Promise<void> {
    const all: Promise<void>[] = [];
    try {
      for await (const near of this.#listener) {
        const far = await Deno.connect({
          hostname: "127.0.0.1",
          port: this.target,
        });
        for (const conn of [near, far]) this.#open.add(conn);
        all.push(this.#carry(near, far), this.#carry(far, near));
      }
    } finally {
      await Promise.all(all);
    }
  }

  async #carry(from: Deno.Conn, to: Deno.Conn): Promise<void> {
    const buffer = new Uint8Array(16_384);
    try {
      for (;;) {
        const size = await from.read(buffer);
        if (size === null) break;
        await this.#flows;
        for (let at = 0; at < size;) {
          at += await to.write(buffer.subarray(at, size));
        }
      }
    } catch {
      // One of the two is gone.
    }
    close(from);
    close(to);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    this.mend();
    await this.#working;
  }
}

function close(conn: Deno.Conn): void {
  try {
    conn.close();
  } catch {
    // It was closed already.
  }
}
