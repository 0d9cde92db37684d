/**
 * Shutting sockets down underneath the runtime, through libc. Its `close()` only lets go of a socket:
 * while a write or a handshake is under way the socket stays open until the peer acts, which would
 * let a silent peer keep it for ever.
 */
import { fileDescriptors, libc } from "./libc.ts";
import { nameOfEnds, nameOfSocket, type SocketEnds } from "./socket_names.ts";

// <sys/socket.h> of Linux.
const SHUT_RDWR = 2;

/** Finding a socket takes a walk over all descriptors, so a walk serves all that gather in this time. */
const GATHER_MS = 20;

const waiting = new Set<string>();

/** End what is under way on a connection that was closed just now; it fails for whoever awaits it. */
export function shutDown(ends: SocketEnds): void {
  if (libc() === null) return;
  if (waiting.size === 0) setTimeout(shutAll, GATHER_MS);
  waiting.add(nameOfEnds(ends));
}

function shutAll(): void {
  const calls = libc()!;
  for (const fd of fileDescriptors()) {
    const name = nameOfSocket(fd);
    if (name !== null && waiting.delete(name)) calls.shutdown(fd, SHUT_RDWR);
    if (waiting.size === 0) return;
  }
  // The others were closed by their peers meanwhile.
  waiting.clear();
}
