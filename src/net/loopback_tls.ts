import type { CertificateSnapshot } from "../port/snapshot.ts";
import { abandon } from "./abandon.ts";
import { bridge, close } from "./bridge.ts";
import type { ByteStream } from "./byte_stream.ts";
import { pickCertificate } from "./certificates.ts";
import { PROTOCOL_VERSION_ALERT, readClientHello } from "./client_hello.ts";
import type { Deadlines } from "./deadlines.ts";
import type { HandedOver, LineReader } from "./line_reader.ts";
import { HTTP_ALPN, type TlsOffer } from "./listen.ts";
import { LoopbackPairs } from "./loopback_pairs.ts";
import { answerHello, exchange, type Pair, type Seat } from "./seat.ts";
import { SeatPool } from "./seat_pool.ts";

/** The upgrade of a client's connection to TLS failed; `cleartext`: something else than TLS came. */
export class UpgradeFailed extends Error {
  override readonly name = "UpgradeFailed";
  constructor(readonly cleartext: boolean, message: string) {
    super(message);
  }
}

/** How long the raw connection may take to carry the last TLS records after a close. */
const LINGER_MS = 1000;

/**
 * Server-side TLS on a connection that is open already (STARTTLS, a PROXY header, a look at the
 * ClientHello first, a certificate by its server name). The runtime cannot do that, so TLS listeners of our
 * own on loopback give a connection whose socket is exchanged for the client's (`seat.ts`); where that
 * cannot be, the raw bytes are spliced over loopback into it.
 */
export class LoopbackTls {
  #pairs: LoopbackPairs;
  #seats: SeatPool<TlsOffer>;
  /** The certificates as listeners for HTTP show them. */
  #forHttp: ReadonlyMap<CertificateSnapshot, TlsOffer>;

  /**
   * `host`: an address of 127.0.0.0/8; another one for each worker spreads the ephemeral ports. Throws what
   * binding and the default certificate throw.
   */
  constructor(
    host: string,
    private readonly certificates: readonly CertificateSnapshot[],
    private readonly deadlines: Deadlines,
  ) {
    const fallback = pickCertificate(certificates, "");
    if (!fallback) throw new Error("no certificate to serve TLS with");
    this.#pairs = new LoopbackPairs(host, deadlines);
    this.#pairs.listen(fallback);
    this.#seats = new SeatPool((offer) => this.#pairs.make(offer));
    this.#forHttp = new Map(
      certificates.map((one) => [one, { ...one, alpn: HTTP_ALPN }]),
    );
  }

  /** Halves of pairs that wait for the other half. */
  get pending(): number {
    return this.#pairs.pending;
  }

  /** No more upgrades; upgraded connections go on. */
  close(): void {
    this.#pairs.close();
    this.#seats.close();
  }

  /**
   * Upgrade `raw`, whose reader has taken nothing but the handshake's first bytes, and finish the
   * handshake. `atLeast13` refuses clients that do not offer TLS 1.3; `http` agrees to HTTP/1.1 with those
   * that ask by ALPN. `onMoved` is told of the connection that `raw` has become before the handshake
   * ends; closing `raw` is of no effect from then on. Closes the connection and throws UpgradeFailed on
   * failure.
   */
  async upgrade(
    raw: ByteStream,
    reader: LineReader,
    { atLeast13, http }: {
      readonly atLeast13: boolean;
      readonly http: boolean;
    },
    onMoved: (connection: Deno.TlsConn) => void,
  ): Promise<ByteStream> {
    const hello = await readClientHello(reader);
    if (hello.kind === "not-tls" || hello.kind === "ended") {
      close(raw);
      throw new UpgradeFailed(
        hello.kind === "not-tls",
        `client's TLS handshake: ${hello.kind}`,
      );
    }
    if (atLeast13 && hello.kind === "older-tls") {
      await raw.write(PROTOCOL_VERSION_ALERT).catch(() => 0);
      close(raw);
      throw new UpgradeFailed(false, "client does not offer TLS 1.3");
    }
    const handed = reader.handOver();
    const buffered = new Uint8Array(
      hello.bytes.length + handed.buffered.length,
    );
    buffered.set(hello.bytes);
    buffered.set(handed.buffered, hello.bytes.length);
    const certificate = pickCertificate(this.certificates, hello.serverName)!;
    const offer = http ? this.#forHttp.get(certificate)! : certificate;
    const seat = "setNoDelay" in raw && hello.whole && handed.pending === null
      ? await this.#seats.take(offer)
      : null;
    if (seat) {
      return await this.#move(raw as Deno.TcpConn, buffered, seat, onMoved);
    }
    try {
      return await this.#splice(
        raw,
        { ...handed, buffered },
        await this.#pairs.make(offer),
      );
    } catch (error) {
      close(raw);
      throw error instanceof UpgradeFailed
        ? error
        : new UpgradeFailed(false, (error as Error).message);
    }
  }

  /** Let the seat answer the hello, then give it the client's socket. */
  async #move(
    raw: Deno.TcpConn,
    hello: Uint8Array,
    seat: Seat,
    onMoved: (connection: Deno.TlsConn) => void,
  ): Promise<ByteStream> {
    const { inner, partner } = seat;
    let refused: Error | null = null;
    const shaken = partner.handshake();
    // Whoever waits for the answer reads the alert that there may be, and then the end.
    shaken.catch((error) => {
      refused = error;
      close(partner);
    });
    try {
      if (await answerHello(seat, hello, raw) && exchange(seat, raw)) {
        raw.close();
        close(inner);
        onMoved(partner);
        await shaken;
        return partner;
      }
    } catch (error) {
      close(raw);
      close(inner);
      if (!refused) abandon(partner);
      throw failedHandshake(refused ?? error);
    }
    const taken = { buffered: new Uint8Array(0), pending: null };
    return await this.#splice(raw, taken, seat);
  }

  async #splice(
    raw: ByteStream,
    taken: HandedOver,
    { inner, partner }: Pair,
  ): Promise<ByteStream> {
    const flow = { forward: 0, backward: 0, active: false };
    void bridge({ stream: raw, taken }, { stream: inner }, flow);
    try {
      await partner.handshake();
    } catch (error) {
      close(partner);
      close(inner);
      throw failedHandshake(error);
    }
    return new SplicedStream(partner, raw, this.deadlines);
  }
}

function failedHandshake(error: unknown): UpgradeFailed {
  return new UpgradeFailed(
    false,
    `client's TLS handshake: ${(error as Error).message}`,
  );
}

/** The decrypted side of a spliced connection; closing it lets the last records out, then the raw side goes. */
class SplicedStream implements ByteStream {
  constructor(
    private readonly inner: Deno.TlsConn,
    private readonly raw: ByteStream,
    private readonly deadlines: Deadlines,
  ) {}

  read(into: Uint8Array): Promise<number | null> {
    return this.inner.read(into);
  }
  write(bytes: Uint8Array): Promise<number> {
    return this.inner.write(bytes);
  }
  closeWrite(): Promise<void> {
    return this.inner.closeWrite();
  }
  close(): void {
    close(this.inner);
    this.deadlines.after(LINGER_MS, () => close(this.raw));
  }
}
