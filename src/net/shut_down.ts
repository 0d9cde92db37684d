/**
 * Shutting sockets down underneath the runtime, through libc. Its `close()` only lets go of a socket:
 * while a write or a handshake is under way the socket stays open until the peer acts, which would
 * let a silent peer keep it for ever.
 */
import { parseAddress } from "./address.ts";
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

/** What a socket is found by. */
export type SocketEnds = Pick<
  Deno.Conn<Deno.NetAddr>,
  "remoteAddr" | "localAddr"
>;

const waiting = new Set<string>();

/** End what is under way on a connection that was closed just now; it fails for whoever awaits it. */
export function shutDown({ remoteAddr, localAddr }: SocketEnds): void {
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
