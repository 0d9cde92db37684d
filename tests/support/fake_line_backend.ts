/**
 * A server of a protocol of lines in this process: the test gives its greeting and what it answers to
 * each line, and so its faults too.
 */
import type { Certificate } from "./certs.ts";
import { FakeServer } from "./fake_server.ts";
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

export class FakeLineBackend extends FakeServer {
  /** The lines of each connection, oldest first. */
  readonly connections: string[][] = [];

  constructor(private readonly options: LineBackendOptions) {
    super(options);
  }

  protected async serve(conn: Deno.Conn): Promise<void> {
    const raw = new Wire(conn);
    const lines: string[] = [];
    this.connections.push(lines);
    let wire = raw;
    let splice: Promise<void> = Promise.resolve();
    const talk: LineTalk = {
      lines,
      say: (...said) => wire.send(said.map((line) => `${line}\r\n`).join("")),
      bytes: (count) => wire.readBytes(count),
      startTls: async () => {
        const upgraded = await this.endpoint!.upgrade(wire);
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
