import { close } from "./bridge.ts";
import { type ByteStream, writeAll } from "./byte_stream.ts";
import { LineReader } from "./line_reader.ts";

/** Longer than any message: a configuration of 16 MiB in base64. */
const LONGEST = 32 * 1024 * 1024;

/** Messages over a connection, each a line of JSON: the shape of a MessagePort between two processes. */
export class JsonLines {
  onmessage: ((event: MessageEvent) => void) | null = null;
  readonly #ended = Promise.withResolvers<void>();
  readonly #encoder = new TextEncoder();
  #last: Promise<void> = Promise.resolve();
  readonly #reader: LineReader;

  /** `reader`: where bytes of the connection were read already. */
  constructor(
    private readonly connection: ByteStream,
    reader: LineReader = new LineReader(connection),
  ) {
    this.#reader = reader;
  }

  /** Resolves when the connection is over, whoever ended it. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  postMessage(message: unknown): void {
    const bytes = this.#encoder.encode(`${JSON.stringify(message)}\n`);
    this.#last = this.#last
      .then(() => writeAll(this.connection, bytes))
      .catch(() => this.close());
  }

  /** Hand on what comes until the connection is over. Never rejects. */
  async run(): Promise<void> {
    const decoder = new TextDecoder();
    try {
      for (;;) {
        const line = await this.#reader.readLine(LONGEST);
        if (line === null) break;
        const data: unknown = JSON.parse(decoder.decode(line.bytes));
        this.onmessage?.(new MessageEvent("message", { data }));
      }
    } catch {
      // It was closed on this side, or is no JSON: either way nothing more can be understood.
    }
    this.close();
  }

  /** What was posted has been written, or never will be. */
  async flushed(): Promise<void> {
    await this.#last;
  }

  close(): void {
    close(this.connection);
    this.#ended.resolve();
  }
}
