/**
 * Shutting sockets down underneath the runtime, through libc. Its `close()` only lets go of a socket:
 * while a write or a handshake is under way the socket stays open until the peer acts, which would
 * let a silent peer keep it for ever.
 */
import { fileDescriptors, libc } from "./libc.ts";
import { polled } from "./poll.ts";
import { nameOfEnds, nameOfSocket, type SocketEnds } from "./socket_names.ts";

// <sys/socket.h> and <poll.h> of Linux.
const SHUT_RDWR = 2;
const POLLOUT = 4;

/** Finding a socket takes a walk over all descriptors, so a walk serves all that gather in this time. */
const GATHER_MS = 20;

const waiting = new Set<string>();

/**
 * End what is under way on a connection that was closed just now; it fails for whoever awaits it.
 * Connections of one UNIX socket cannot be told apart: it is one to whose peer nothing can be
 * written, and when that was another one it has to be called again.
 */
export function shutDown(ends: SocketEnds): void {
  if (libc() === null) return;
  if (waiting.size === 0) setTimeout(shutAll, GATHER_MS);
  waiting.add(nameOfEnds(ends));
}

function shutAll(): void {
  const calls = libc()!;
  for (const fd of fileDescriptors()) {
    const name = nameOfSocket(fd);
    if (name === null || (isOfUnix(name) && isWritable(fd))) continue;
    if (waiting.delete(name)) calls.shutdown(fd, SHUT_RDWR);
    if (waiting.size === 0) return;
  }
  // The others were closed by their peers meanwhile.
  waiting.clear();
}

/** Addresses of TCP are hexadecimal digits there. */
function isOfUnix(name: string): boolean {
  return name.includes("/");
}

/** False while the peer of a connection has not read what was sent. */
function isWritable(fd: number): boolean {
  return polled([fd], POLLOUT)[0] !== 0;
}
