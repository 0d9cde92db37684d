/**
 * Closing TLS connections whose handshake is not done. The runtime's `close()` leaves the socket of
 * such a connection open until the peer acts, which would let a silent peer keep it for ever; so the
 * socket is shut down underneath, through libc.
 */
import { parseAddress } from "./address.ts";
import { close } from "./bridge.ts";
import { fileDescriptors, libc } from "./libc.ts";

// <sys/socket.h> of Linux.
const AF_INET = 2;
const AF_INET6 = 10;
const SHUT_RDWR = 2;
const SOCKADDR_MAX = 128;
/** What an IPv4 address of an IPv6 socket begins with (RFC 4291 2.5.5.2). */
const MAPPED = "00000000000000000000ffff";

/** Finding a socket takes a walk over all descriptors, so a walk serves all that gather in this time. */
const GATHER_MS = 20;

const waiting = new Set<string>();

/** Close a connection whose handshake has not been seen to end. */
export function abandon(connection: Deno.TlsConn): void {
  const { remoteAddr, localAddr } = connection;
  close(connection);
  if (libc() === null) return;
  if (waiting.size === 0) setTimeout(shutAll, GATHER_MS);
  waiting.add(pairOf(endpoint(remoteAddr), endpoint(localAddr)));
}

function shutAll(): void {
  const calls = libc()!;
  const address = new Uint8Array(SOCKADDR_MAX);
  const length = new Uint32Array(1);
  const name = (
    call: typeof calls.getpeername,
    fd: number,
  ): string | null => {
    length[0] = SOCKADDR_MAX;
    return call(fd, address, length) === 0 ? nameOf(address) : null;
  };
  for (const fd of fileDescriptors()) {
    const peer = name(calls.getpeername, fd);
    if (peer === null) continue;
    const local = name(calls.getsockname, fd);
    if (local !== null && waiting.delete(pairOf(peer, local))) {
      calls.shutdown(fd, SHUT_RDWR);
    }
    if (waiting.size === 0) return;
  }
  // The others were closed by their peers meanwhile.
  waiting.clear();
}

function pairOf(peer: string, local: string): string {
  return `${peer} ${local}`;
}

function endpoint({ hostname, port }: Deno.NetAddr): string {
  return `${parseAddress(hostname).toHex()} ${port}`;
}

/** The same of a sockaddr_in or sockaddr_in6, or null for other families. */
function nameOf(address: Uint8Array): string | null {
  const family = address[0]! | address[1]! << 8;
  const port = address[2]! << 8 | address[3]!;
  if (family === AF_INET) return `${address.subarray(4, 8).toHex()} ${port}`;
  if (family !== AF_INET6) return null;
  const bytes = address.subarray(8, 24);
  const isMapped = bytes.subarray(0, 12).toHex() === MAPPED;
  return `${(isMapped ? bytes.subarray(12) : bytes).toHex()} ${port}`;
}
