import type { CertificateSnapshot, SocketAddress } from "../port/snapshot.ts";
import { abandon } from "./abandon.ts";
import { bridge, close } from "./bridge.ts";
import type { ByteStream } from "./byte_stream.ts";
import { PROTOCOL_VERSION_ALERT, readFirstRecord } from "./client_hello.ts";
import type { Deadlines } from "./deadlines.ts";
import type { HandedOver, LineReader } from "./line_reader.ts";
import { type Bound, listenTls } from "./listen.ts";
import { answerHello, exchange, type Pair, type Seat } from "./seat.ts";
import { SeatPool } from "./seat_pool.ts";

/** The upgrade of a client's connection to TLS failed; `cleartext`: something else than TLS came. */
export class UpgradeFailed extends Error {
  override readonly name = "UpgradeFailed";
  constructor(readonly cleartext: boolean, message: string) {
    super(message);
  }
}

/** How long a half of a pair waits for the other. */
const PAIR_MS = 2000;
/** How many halves may wait at once. */
const PAIRS_MAX = 1024;
/** How long the raw connection may take to carry the last TLS records after a close. */
const LINGER_MS = 1000;

/**
 * Server-side TLS on a connection that is open already (STARTTLS, a PROXY header, a look at the
 * ClientHello first). The runtime cannot do that, so a TLS listener of our own on loopback gives a
 * connection whose socket is exchanged for the client's (`seat.ts`); where that cannot be, the raw
 * bytes are spliced over loopback into it. The two ends are paired by the connecting side's port; a
 * connection of anybody else finds no partner and is closed.
 */
export class LoopbackTls {
  #bound: Bound;
  #claims = new Map<string, (connection: Deno.TlsConn | null) => void>();
  #unclaimed = new Map<string, Deno.TlsConn>();
  #seats = new SeatPool(() => this.#pair());

  /** `host`: an address of 127.0.0.0/8; another one for each worker spreads the ephemeral ports. */
  constructor(
    host: string,
    certificates: readonly CertificateSnapshot[],
    private readonly deadlines: Deadlines,
  ) {
    this.#bound = listenTls(
      { hostname: host, port: 0 },
      true,
      certificates,
      (c) => this.#accepted(c),
    );
  }

  /** Halves of pairs that wait for the other half. */
  get pending(): number {
    return this.#claims.size + this.#unclaimed.size;
  }

  /** No more upgrades; upgraded connections go on. */
  close(): void {
    this.#bound.close();
    this.#seats.close();
  }

  /**
   * Upgrade `raw`, whose reader has taken nothing but the handshake's first bytes, and finish the
   * handshake. `atLeast13` refuses clients that do not offer TLS 1.3. `onMoved` is told of the connection
   * that `raw` has become before the handshake ends; closing `raw` is of no effect from then on. Closes
   * the connection and throws UpgradeFailed on failure.
   */
  async upgrade(
    raw: ByteStream,
    reader: LineReader,
    atLeast13: boolean,
    onMoved: (connection: Deno.TlsConn) => void,
  ): Promise<ByteStream> {
    const first = await readFirstRecord(reader);
    if (first.kind === "not-tls" || first.kind === "ended") {
      close(raw);
      throw new UpgradeFailed(
        first.kind === "not-tls",
        `client's TLS handshake: ${first.kind}`,
      );
    }
    if (atLeast13 && first.kind === "older-tls") {
      await raw.write(PROTOCOL_VERSION_ALERT).catch(() => 0);
      close(raw);
      throw new UpgradeFailed(false, "client does not offer TLS 1.3");
    }
    const handed = reader.handOver();
    const buffered = new Uint8Array(
      first.bytes.length + handed.buffered.length,
    );
    buffered.set(first.bytes);
    buffered.set(handed.buffered, first.bytes.length);
    const seat = "setNoDelay" in raw && first.whole && handed.pending === null
      ? await this.#seats.take()
      : null;
    if (seat) {
      return await this.#move(raw as Deno.TcpConn, buffered, seat, onMoved);
    }
    try {
      return await this.#splice(
        raw,
        { ...handed, buffered },
        await this.#pair(),
      );
    } catch (error) {
      close(raw);
      throw error;
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

  /** A connection over loopback. Throws UpgradeFailed. */
  async #pair(): Promise<Pair> {
    let inner: Deno.TcpConn;
    try {
      inner = await Deno.connect({ ...this.#bound.address });
    } catch (error) {
      throw new UpgradeFailed(false, `loopback: ${(error as Error).message}`);
    }
    inner.setNoDelay(true);
    const partner = await this.#claim(inner.localAddr as Deno.NetAddr);
    if (partner) return { inner, partner };
    close(inner);
    throw new UpgradeFailed(false, "loopback: no partner");
  }

  #claim(local: SocketAddress): Promise<Deno.TlsConn | null> {
    const key = pairKey(local);
    const early = this.#unclaimed.get(key);
    if (early) {
      this.#unclaimed.delete(key);
      return Promise.resolve(early);
    }
    if (this.#claims.size >= PAIRS_MAX) return Promise.resolve(null);
    return new Promise((resolve) => {
      const deadline = this.deadlines.after(PAIR_MS, () => {
        this.#claims.delete(key);
        resolve(null);
      });
      this.#claims.set(key, (connection) => {
        this.#claims.delete(key);
        deadline.cancel();
        resolve(connection);
      });
    });
  }

  #accepted(connection: Deno.TlsConn): void {
    const key = pairKey(connection.remoteAddr);
    const claim = this.#claims.get(key);
    if (claim) return claim(connection);
    if (this.#unclaimed.size >= PAIRS_MAX) return abandon(connection);
    // The accept may be seen before the connect that caused it.
    this.#unclaimed.set(key, connection);
    this.deadlines.after(PAIR_MS, () => {
      if (this.#unclaimed.get(key) !== connection) return;
      this.#unclaimed.delete(key);
      abandon(connection);
    });
  }
}

function failedHandshake(error: unknown): UpgradeFailed {
  return new UpgradeFailed(
    false,
    `client's TLS handshake: ${(error as Error).message}`,
  );
}

function pairKey(address: SocketAddress): string {
  return `${address.hostname}:${address.port}`;
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
