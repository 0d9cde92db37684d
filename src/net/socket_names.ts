/** Sockets of the process by the addresses of their ends, through libc. */
import type { SocketAddress } from "../port/snapshot.ts";
import { parseAddress, unmapped } from "./address.ts";
import { libc } from "./libc.ts";

// <sys/socket.h> of Linux.
const AF_UNIX = 1;
const AF_INET = 2;
const AF_INET6 = 10;
const SOCKADDR_MAX = 128;

/** What a socket is found by. */
export interface SocketEnds {
  readonly remoteAddr: Deno.Addr;
  readonly localAddr: Deno.Addr;
}

const address = new Uint8Array(SOCKADDR_MAX);
const length = new Uint32Array(1);

/** One name for both ends of a connection; those of one UNIX socket have the same, which is its path. */
export function nameOfEnds({ remoteAddr, localAddr }: SocketEnds): string {
  return `${endpoint(remoteAddr)} ${endpoint(localAddr)}`;
}

/** The same of a descriptor; null for all but connected sockets of TCP and UNIX. Needs libc. */
export function nameOfSocket(fd: number): string | null {
  const calls = libc()!;
  const peer = ask(calls.getpeername, fd);
  const local = peer === null ? null : ask(calls.getsockname, fd);
  return local === null ? null : `${peer} ${local}`;
}

/** The name of a descriptor's own end alone, as `nameOfAddress` gives it; null for all but sockets of TCP. Needs libc. */
export function localNameOfSocket(fd: number): string | null {
  return ask(libc()!.getsockname, fd);
}

/** One name for an address that a socket is bound to. */
export function nameOfAddress(address: SocketAddress): string {
  return endpoint({ transport: "tcp", ...address });
}

type NameCall = NonNullable<ReturnType<typeof libc>>["getpeername"];

function ask(call: NameCall, fd: number): string | null {
  length[0] = SOCKADDR_MAX;
  address.fill(0);
  return call(fd, address, length) === 0 ? sockaddr() : null;
}

function endpoint(at: Deno.Addr): string {
  if (!("hostname" in at)) return "path" in at ? at.path ?? "" : "";
  return `${parseAddress(at.hostname).toHex()} ${at.port}`;
}

/** Of a sockaddr_in, sockaddr_in6 or sockaddr_un (its path, "" for none); null for other families. */
function sockaddr(): string | null {
  const family = address[0]! | address[1]! << 8;
  if (family === AF_UNIX) {
    const path = address.subarray(2);
    return new TextDecoder().decode(path.subarray(0, path.indexOf(0)));
  }
  const port = address[2]! << 8 | address[3]!;
  if (family === AF_INET) return `${address.subarray(4, 8).toHex()} ${port}`;
  if (family !== AF_INET6) return null;
  return `${unmapped(address.subarray(8, 24)).toHex()} ${port}`;
}

/** How far from the lowest free descriptor new sockets are looked for. */
const SEARCH_MAX = 4096;

/**
 * The descriptors of sockets that were opened just now, by their names. Looks around the lowest free
 * number, where the system puts new ones, and not at all the descriptors of a busy process.
 */
export function findSockets(names: Iterable<string>): Map<string, number> {
  const calls = libc()!;
  const wanted = new Set(names);
  const found = new Map<string, number>();
  const free = calls.dup(0);
  if (free < 0) return found;
  calls.close(free);
  for (let away = 1; away < SEARCH_MAX && wanted.size > 0; away++) {
    for (const fd of [free - away, free + away]) {
      const name = nameOfSocket(fd);
      if (name !== null && wanted.delete(name)) found.set(name, fd);
    }
  }
  return found;
}
