/**
 * Server-side TLS on a socket that was accepted in clear. The runtime has no call for that, but a
 * descriptor may come to refer to another socket: an idle TLS connection of the runtime, accepted over
 * loopback, answers the client's hello first, and then the client's socket takes the place of its own.
 * The runtime goes on with a descriptor that it knows, and finds the client behind it.
 */
import { type ByteStream, isWriting, writeAll } from "./byte_stream.ts";
import { forget, register, type Registration, silent } from "./epoll.ts";
import { libc } from "./libc.ts";
import { nameOfEnds, nameOfSocket } from "./socket_names.ts";

/** Both ends of a connection over loopback, of which the accepted one speaks TLS. */
export interface Pair {
  readonly inner: Deno.TcpConn;
  readonly partner: Deno.TlsConn;
}

/** A pair whose accepted end can be given another socket. */
export interface Seat extends Pair {
  readonly registration: Registration;
}

/** The exchange was begun and cannot be ended: neither connection is good for anything. */
class SeatBroken extends Error {
  override readonly name = "SeatBroken";
}

// <netinet/in.h>, <netinet/tcp.h> and <sys/socket.h> of Linux.
const IPPROTO_TCP = 6;
const TCP_INFO = 11;
const MSG_PEEK_DONTWAIT = 0x2 | 0x40;
/** Where `struct tcp_info` has the bytes that wait to be sent, were sent, and were sent again. */
const NOTSENT_AT = 144;
const SENT_AT = 200;
const RESENT_AT = 208;
const INFO_SIZE = 216;

const FLIGHT = 8192;

/**
 * Have the seat answer a whole ClientHello, and write the answer to `raw`. False where more may still
 * have to go over loopback; the exchange is out of the question then. Throws what reading and writing
 * throw, and for a handshake that has failed.
 */
export async function answerHello(
  seat: Seat,
  hello: Uint8Array,
  raw: ByteStream,
): Promise<boolean> {
  await writeAll(seat.inner, hello);
  const buffer = new Uint8Array(FLIGHT);
  let relayed = 0;
  for (;;) {
    const count = await seat.inner.read(buffer);
    if (count === null) throw new Error("broken off");
    await writeAll(raw, buffer.subarray(0, count));
    relayed += count;
    const sent = bytesSent(seat.registration.fd);
    if (sent === null) return false;
    if (sent === relayed) return isQuiet(seat.registration.fd);
  }
}

/**
 * Exchange the sockets of `raw` and of the seat's accepted end, which has no unfinished business on
 * either; the ends of `raw` are those of the TLS connection then, and `raw` has loopback. False where
 * nothing was changed. Throws SeatBroken.
 */
export function exchange(seat: Seat, raw: Deno.TcpConn): boolean {
  const calls = libc()!;
  const { registration, partner } = seat;
  const { epoll, fd } = registration;
  const other = descriptorOf(raw);
  // The numbers may have gone to others if a connection was closed meanwhile.
  if (
    other === null || isWriting(raw) ||
    nameOfSocket(other) !== nameOfEnds(raw) ||
    nameOfSocket(fd) !== nameOfEnds(partner)
  ) return false;
  const held = calls.dup(fd);
  if (held < 0) return false;
  try {
    if (!forget(epoll, fd)) return false;
    if (!forget(epoll, other)) {
      if (register(registration)) return false;
      throw new SeatBroken("epoll: cannot register again");
    }
    if (calls.dup2(other, fd) < 0 || calls.dup2(held, other) < 0) {
      throw new SeatBroken("dup2 failed");
    }
    if (!register(silent(epoll, other)) || !register(registration)) {
      throw new SeatBroken("epoll: cannot register");
    }
  } finally {
    calls.close(held);
  }
  const { remoteAddr, localAddr } = raw;
  Object.defineProperties(partner, {
    remoteAddr: { value: remoteAddr },
    localAddr: { value: localAddr },
  });
  return true;
}

/** The runtime tells it of what it accepted, and only there. */
function descriptorOf(connection: Deno.TcpConn): number | null {
  const key = Object.getOwnPropertySymbols(connection).find((symbol) =>
    symbol.description === "Deno.internal.fd"
  );
  const fd = key && (connection as unknown as Record<symbol, unknown>)[key];
  return typeof fd === "number" ? fd : null;
}

/** How many bytes have gone out on a socket; NaN while some wait, null when it cannot be told. */
function bytesSent(fd: number): number | null {
  const info = new Uint8Array(INFO_SIZE);
  const size = new Uint32Array([INFO_SIZE]);
  const failed = libc()!.getsockopt(fd, IPPROTO_TCP, TCP_INFO, info, size);
  if (failed !== 0 || size[0] !== INFO_SIZE) return null;
  const view = new DataView(info.buffer);
  if (view.getUint32(NOTSENT_AT, true) > 0) return NaN;
  return Number(
    view.getBigUint64(SENT_AT, true) - view.getBigUint64(RESENT_AT, true),
  );
}

/** Nothing has come that was not read. */
function isQuiet(fd: number): boolean {
  const one = new Uint8Array(1);
  return libc()!.recv(fd, one, 1n, MSG_PEEK_DONTWAIT) < 0;
}
