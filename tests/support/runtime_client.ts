/** A client of the runtime socket. */
import { within } from "./wait.ts";

/** All that comes back for `text`, up to the end of the connection. With `close` false the client does not say that it has no more. */
export async function ask(
  path: string,
  text: string | Uint8Array,
  close = true,
): Promise<string> {
  using client = await RuntimeClient.connect(path);
  // A server that has seen enough may close while it is still written to.
  await client.send(text).catch(() => {});
  if (close) await client.end().catch(() => {});
  return await client.rest();
}

export class RuntimeClient implements Disposable {
  #text = "";
  #ended = false;
  readonly #decoder = new TextDecoder();

  private constructor(readonly connection: Deno.UnixConn) {}

  static async connect(path: string): Promise<RuntimeClient> {
    return new RuntimeClient(
      await Deno.connect({ transport: "unix", path }),
    );
  }

  async send(text: string | Uint8Array): Promise<void> {
    const bytes = typeof text === "string"
      ? new TextEncoder().encode(text)
      : text;
    for (let done = 0; done < bytes.length;) {
      done += await this.connection.write(bytes.subarray(done));
    }
  }

  end(): Promise<void> {
    return this.connection.closeWrite();
  }

  /** What comes up to and with `mark`. */
  async until(mark: string): Promise<string> {
    while (!this.#text.includes(mark)) {
      if (this.#ended) throw new Error(`ended before ${mark}: ${this.#text}`);
      await within(`${JSON.stringify(mark)} of the socket`, this.#read());
    }
    const end = this.#text.indexOf(mark) + mark.length;
    const text = this.#text.slice(0, end);
    this.#text = this.#text.slice(end);
    return text;
  }

  /** Everything up to the end of the connection. */
  async rest(): Promise<string> {
    while (!this.#ended) {
      await within("the end of the connection", this.#read());
    }
    return this.#text;
  }

  async #read(): Promise<void> {
    const bytes = new Uint8Array(65536);
    const count = await this.connection.read(bytes).catch(() => null);
    if (count === null) this.#ended = true;
    else {
      this.#text += this.#decoder.decode(bytes.subarray(0, count), {
        stream: true,
      });
    }
  }

  [Symbol.dispose](): void {
    this.connection.close();
  }
}
