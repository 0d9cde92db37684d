import { type ByteStream, writeAll } from "../net/byte_stream.ts";
import { close } from "../net/bridge.ts";
import type { RawLeg } from "../net/dial.ts";
import { LineReader } from "../net/line_reader.ts";
import type { LegSnapshot } from "../port/snapshot.ts";
import { BackendFailure, type BackendIo, type Witness } from "./protocol.ts";

const encoder = new TextEncoder();

/** A connection to a backend with its encryption state. */
export class BackendLeg implements BackendIo {
  #stream: ByteStream;
  #reader: LineReader;
  #secure = false;
  #tlsTook = 0;

  constructor(
    private readonly raw: RawLeg,
    private readonly leg: LegSnapshot,
    readonly witness?: Witness,
  ) {
    this.#stream = raw.stream;
    this.#reader = new LineReader(raw.stream);
  }

  get stream(): ByteStream {
    return this.#stream;
  }
  get reader(): LineReader {
    return this.#reader;
  }
  get secure(): boolean {
    return this.#secure;
  }

  /** Milliseconds of the handshake. */
  get tlsTook(): number {
    return this.#tlsTook;
  }

  write(data: string | Uint8Array): Promise<void> {
    if (this.witness && typeof data === "string") this.witness.sent(data);
    return this.#send(data);
  }

  writeSecret(data: string | Uint8Array): Promise<void> {
    if (!this.#secure && !this.leg.allowPlaintextAuth) {
      throw new BackendFailure(
        "auth",
        "refused to send credentials over a leg that is not encrypted",
      );
    }
    this.witness?.sent("(credentials)");
    return this.#send(data);
  }

  #send(data: string | Uint8Array): Promise<void> {
    return writeAll(
      this.#stream,
      typeof data === "string" ? encoder.encode(data) : data,
    );
  }

  /** Also used for implicit TLS, right after the dial. */
  async startTls(): Promise<void> {
    if (this.#reader.buffered > 0) {
      // CVE-2011-0411, towards the backend: it must not outlive the upgrade as a later reply.
      throw new BackendFailure(
        "starttls",
        "clear text behind the reply to STARTTLS",
      );
    }
    const begun = performance.now();
    try {
      this.#stream = await this.raw.startTls();
    } catch (error) {
      throw new BackendFailure(
        "tls",
        `TLS handshake: ${(error as Error).message}`,
      );
    }
    this.#reader = new LineReader(this.#stream);
    this.#secure = true;
    this.#tlsTook = performance.now() - begun;
    this.witness?.sent("(TLS)");
  }

  close(): void {
    if (this.#stream !== this.raw.stream) close(this.#stream);
    this.raw.close();
  }
}
