/**
 * A server of a protocol of lines in this process: the test gives its greeting and what it answers to
 * each line, and so its faults too.
 */
import type { Certificate } from "./certs.ts";
import { TlsEndpoint } from "./tls_endpoint.ts";
import { Wire } from "./wire.ts";

/** One connection as the backend sees it. */
export interface LineTalk {
  /** Lines that came so far, the one that is being answered included. */
  readonly lines: readonly string[];
  /** With a line end for each line given. */
  say(...lines: string[]): Promise<void>;
  /** Octets that are not a line; null when the other side closes before. */
  bytes(count: number): Promise<Uint8Array | null>;
  /** TLS from here on, after the go-ahead was said. */
  startTls(): Promise<void>;
  /** Say nothing more until the other side closes. */
  hang(): Promise<void>;
  close(): void;
}

export interface LineBackendOptions {
  readonly greeting: string;
  /** TLS from the first byte. */
  readonly implicit?: boolean;
  readonly certificate: Certificate;
  answer(line: string, talk: LineTalk): Promise<void>;
}

export class FakeLineBackend implements AsyncDisposable {
  /** The lines of each connection, oldest first. */
  readonly connections: string[][] = [];
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #endpoint: TlsEndpoint;
  readonly #open = new Set<Wire>();
  readonly #running = new Set<Promise<void>>();
  readonly #accepting: Promise<void>;

  constructor(private readonly options: LineBackendOptions) {
    const { certPem, keyPem } = options.certificate;
    this.#endpoint = new TlsEndpoint(certPem, keyPem);
    this.#accepting = this.#accept();
  }

  get port(): number {
    return this.#listener.addr.port;
  }

  /** How many connections are open at this moment. */
  get open(): number {
    return this.#open.size;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#accepting;
    for (const wire of this.#open) wire.close();
    await Promise.all(this.#running);
    await this.#endpoint.close();
  }

  async #accept(): Promise<void> {
    for await (const conn of this.#listener) {
      const wire = new Wire(conn);
      const lines: string[] = [];
      this.connections.push(lines);
      this.#open.add(wire);
      const run = this.#serve(wire, lines);
      this.#running.add(run);
      run.finally(() => {
        this.#running.delete(run);
        this.#open.delete(wire);
      });
    }
  }

  async #serve(raw: Wire, lines: string[]): Promise<void> {
    let wire = raw;
    let splice: Promise<void> = Promise.resolve();
    const talk: LineTalk = {
      lines,
      say: (...said) => wire.send(said.map((line) => `${line}\r\n`).join("")),
      bytes: (count) => wire.readBytes(count),
      startTls: async () => {
        const upgraded = await this.#endpoint.upgrade(wire);
        splice = upgraded.splice;
        wire = new Wire(upgraded.conn);
        await upgraded.conn.handshake();
      },
      hang: async () => {
        await wire.drain();
      },
      close: () => wire.close(),
    };
    try {
      if (this.options.implicit) await talk.startTls();
      await talk.say(this.options.greeting);
      for (let line; (line = await wire.readLine()) !== null;) {
        lines.push(line);
        await this.options.answer(line, talk);
      }
    } catch {
      // The other side left: what it said before is in `connections`.
    } finally {
      wire.close();
      raw.close();
      await splice;
    }
  }
}
