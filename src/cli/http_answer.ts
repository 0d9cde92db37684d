/** Answers of HTTP/1.1 as they come in (RFC 9112). */

/** A head is never larger, nor is a line between chunks. */
const HEAD_LIMIT = 65_536;

export interface HttpAnswer {
  readonly status: number;
  /** By lower-case name. */
  readonly headers: ReadonlyMap<string, string>;
  /** Throws where the answer is cut short. */
  readonly body: AsyncIterable<Uint8Array>;
}

/** Reads the head of an answer. `read` gives bytes, or null at the end. Throws for what is no answer. */
export async function readAnswer(
  read: () => Promise<Uint8Array | null>,
): Promise<HttpAnswer> {
  const source = new Source(read);
  for (;;) {
    const head = await source.until("\r\n\r\n");
    if (head === null) throw new Error("no answer");
    const [first, ...lines] = head.split("\r\n");
    const status = /^HTTP\/1\.[01] (\d{3})/.exec(first!)?.[1];
    if (status === undefined) throw new Error("no answer");
    // RFC 9110 15.2: the answer itself follows.
    if (status.startsWith("1")) continue;
    const headers = new Map(lines.map((line) => {
      const colon = line.indexOf(":");
      return [
        line.slice(0, colon).toLowerCase(),
        line.slice(colon + 1).trim(),
      ];
    }));
    return { status: Number(status), headers, body: bodyOf(source, headers) };
  }
}

/** All of a body as text. */
export async function textOf({ body }: HttpAnswer): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const bytes of body) {
    text += decoder.decode(bytes, { stream: true });
  }
  return text + decoder.decode();
}

// RFC 9112 6.3
async function* bodyOf(
  source: Source,
  headers: ReadonlyMap<string, string>,
): AsyncGenerator<Uint8Array> {
  if (headers.get("transfer-encoding") === "chunked") {
    yield* chunks(source);
    return;
  }
  const length = headers.get("content-length");
  if (length !== undefined) {
    yield* source.take(Number(length));
    return;
  }
  for (let bytes = await source.next(); bytes; bytes = await source.next()) {
    yield bytes;
  }
}

// RFC 9112 7.1
async function* chunks(source: Source): AsyncGenerator<Uint8Array> {
  for (;;) {
    const line = await source.until("\r\n");
    const size = line === null ? NaN : parseInt(line, 16);
    if (!(size >= 0)) throw cutShort();
    if (size === 0) return;
    yield* source.take(size);
    if (await source.until("\r\n") === null) throw cutShort();
  }
}

/** Bytes that were read and not taken yet, and those that follow. */
class Source {
  #rest = new Uint8Array();

  constructor(private readonly read: () => Promise<Uint8Array | null>) {}

  /** Some bytes; null at the end. */
  async next(): Promise<Uint8Array | null> {
    const rest = this.#rest;
    if (rest.length === 0) return await this.read();
    this.#rest = new Uint8Array();
    return rest;
  }

  /** So many bytes. */
  async *take(length: number): AsyncGenerator<Uint8Array> {
    let left = length;
    while (left > 0) {
      const bytes = await this.next();
      if (bytes === null) throw cutShort();
      yield bytes.subarray(0, left);
      this.#rest = new Uint8Array(bytes.subarray(left));
      left -= bytes.length;
    }
  }

  /** What stands in front of the mark, which is taken too; null where it does not come. */
  async until(mark: string): Promise<string | null> {
    // One byte, one character.
    const decoder = new TextDecoder("latin1");
    let text = "";
    for (;;) {
      const bytes = await this.next();
      if (bytes === null || text.length > HEAD_LIMIT) return null;
      const before = text.length;
      text += decoder.decode(bytes);
      const at = text.indexOf(mark, Math.max(0, before - mark.length + 1));
      if (at < 0) continue;
      this.#rest = new Uint8Array(bytes.subarray(at + mark.length - before));
      return text.slice(0, at);
    }
  }
}

function cutShort(): Error {
  return new Error("the answer was cut short");
}
