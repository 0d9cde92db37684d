/**
 * TCP_NODELAY on accepted connections. The runtime has no call for it where they are TLS, and without
 * it a greeting waits some 40 ms for the acknowledgement of the TLS session tickets before it. Linux
 * hands the option on from a listening socket to those that it accepts, so it is set there, through
 * libc, which also saves two calls for each connection in clear.
 */
import { libc, SOL_SOCKET } from "./libc.ts";
import { listeningDescriptors } from "./listening.ts";

// <sys/socket.h>, <netinet/in.h> and <netinet/tcp.h> of Linux.
const SO_KEEPALIVE = 9;
const IPPROTO_TCP = 6;
const TCP_NODELAY = 1;

/**
 * Set the option (and TCP keep-alive, for clients that vanish) on every listening socket of the
 * process. Call after a bind. Without libc, connections are merely slower to start.
 */
export function tuneListeners(): void {
  const on = new Int32Array([1]);
  for (const fd of listeningDescriptors()) {
    libc()!.setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, on, 4);
    libc()!.setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, on, 4);
  }
}
