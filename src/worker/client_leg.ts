import { abandon } from "../net/abandon.ts";
import { type ByteStream, writeAll } from "../net/byte_stream.ts";
import { close } from "../net/bridge.ts";
import { LineReader } from "../net/line_reader.ts";
import { type LoopbackTls, UpgradeFailed } from "../net/loopback_tls.ts";
import { SessionEnd } from "../protocols/session_end.ts";

const encoder = new TextEncoder();

/** A client's connection with its encryption state; the stream and its reader change at an upgrade. */
export class ClientLeg {
  #stream: ByteStream;
  #reader: LineReader;
  #secure = false;
  #upgrading = false;
  /** A connection of a TLS listener until its handshake is done. */
  #shaking: Deno.TlsConn | null = null;

  constructor(stream: ByteStream | Deno.TlsConn) {
    this.#stream = stream;
    this.#reader = new LineReader(stream);
    if ("handshake" in stream) this.#shaking = stream;
  }

  get stream(): ByteStream {
    return this.#stream;
  }
  get reader(): LineReader {
    return this.#reader;
  }
  /** In the middle of a handshake, where words in clear would be garbage. */
  get upgrading(): boolean {
    return this.#upgrading;
  }
  get secure(): boolean {
    return this.#secure;
  }

  /** Throws SessionEnd when the client is gone. */
  async write(data: string | Uint8Array): Promise<void> {
    try {
      await writeAll(
        this.#stream,
        typeof data === "string" ? encoder.encode(data) : data,
      );
    } catch (error) {
      throw new SessionEnd("client-closed", (error as Error).message);
    }
  }

  /** Finish the handshake of a TLS listener's connection; false when it is not one. Throws SessionEnd. */
  async handshake(): Promise<boolean> {
    if (!this.#shaking) return false;
    try {
      await this.#shaking.handshake();
    } catch (error) {
      throw new SessionEnd("tls-failed", (error as Error).message);
    } finally {
      this.#shaking = null;
    }
    this.#secure = true;
    return true;
  }

  /**
   * Start TLS on the connection. A fresh reader follows, so nothing that came in clear can be taken
   * for a command; without STARTTLS what waits is the handshake. Throws SessionEnd; the connection is
   * closed then.
   */
  async upgrade(
    tls: LoopbackTls,
    how: {
      readonly atLeast13: boolean;
      readonly afterStartTls: boolean;
      readonly http: boolean;
    },
  ): Promise<void> {
    if (how.afterStartTls && this.#reader.buffered > 0) {
      // CVE-2011-0411: clear text pipelined behind STARTTLS
      throw new SessionEnd("cleartext-after-starttls");
    }
    let secured: ByteStream;
    this.#upgrading = true;
    try {
      secured = await tls.upgrade(
        this.#stream,
        this.#reader,
        how,
        (connection) => this.#stream = this.#shaking = connection,
      );
    } catch (error) {
      if (!(error instanceof UpgradeFailed)) throw error;
      throw new SessionEnd(
        error.cleartext && how.afterStartTls
          ? "cleartext-after-starttls"
          : "tls-failed",
        error.message,
      );
    } finally {
      this.#shaking = null;
    }
    this.#upgrading = false;
    this.#stream = secured;
    this.#reader = new LineReader(secured);
    this.#secure = true;
  }

  close(): void {
    if (this.#shaking) abandon(this.#shaking);
    else close(this.#stream);
  }
}
