/**
 * Which of several sockets that share a port get its new connections, for a port that goes from one
 * process to another. The kernel keeps such sockets in a list, newest last, and asks a classic BPF
 * program for a place in it, where there is one (socket(7), SO_ATTACH_REUSEPORT_CBPF); a place that
 * is not there is the same as no program. A socket that is closed leaves its place to the last one.
 * Connections that are set up already are not moved, so whoever closes a socket first has new ones
 * go elsewhere, and waits. Linux only, through libc; elsewhere nothing is steered.
 */
import type { SocketAddress } from "../port/snapshot.ts";
import { attachProgram } from "./bpf.ts";
import { libc, SOL_SOCKET } from "./libc.ts";
import { listeningDescriptors } from "./listening.ts";
import { localNameOfSocket, nameOfAddress } from "./socket_names.ts";

// <asm/socket.h> and <linux/filter.h> of Linux.
const SO_ATTACH_REUSEPORT_CBPF = 51;
const SO_DETACH_REUSEPORT_BPF = 68;
const LOAD_WORD = 0x20;
const MODULO = 0x94;
const ADD = 0x04;
const RETURN_ACCUMULATOR = 0x16;
/** SKF_AD_OFF + SKF_AD_RANDOM: a random number instead of a part of the packet. */
const RANDOM = 0xfffff000 + 56;

/** Which places of an address's list get its new connections, at random. */
export interface Steering {
  readonly address: SocketAddress;
  readonly from: number;
  readonly count: number;
}

/** How many sockets of this process listen on exactly each address. */
export function listenersAt(addresses: readonly SocketAddress[]): number[] {
  const sockets = listeningSockets();
  return addresses.map((address) => socketsAt(sockets, address).length);
}

/** False where the process has no socket at one of the addresses, or the kernel takes no program. */
export function steer(all: readonly Steering[]): boolean {
  const sockets = listeningSockets();
  return all.map(({ address, from, count }) => {
    const fd = socketsAt(sockets, address)[0];
    return fd !== undefined && attachProgram(fd, SO_ATTACH_REUSEPORT_CBPF, [
      [LOAD_WORD, RANDOM],
      [MODULO, count],
      [ADD, from],
      [RETURN_ACCUMULATOR, 0],
    ]);
  }).every((done) => done);
}

/** New connections go to any of the sockets again. */
export function steerNoMore(addresses: readonly SocketAddress[]): void {
  const sockets = listeningSockets();
  const unused = new Int32Array(1);
  for (const address of addresses) {
    const fd = socketsAt(sockets, address)[0];
    if (fd === undefined) continue;
    libc()!.setsockopt(fd, SOL_SOCKET, SO_DETACH_REUSEPORT_BPF, unused, 4);
  }
}

/** The descriptors of all listening sockets of TCP, by the names of their addresses. */
export function listeningSockets(): ReadonlyMap<string, readonly number[]> {
  const found = new Map<string, number[]>();
  for (const fd of listeningDescriptors()) {
    const name = localNameOfSocket(fd);
    if (name !== null) found.set(name, [...found.get(name) ?? [], fd]);
  }
  return found;
}

function socketsAt(
  sockets: ReadonlyMap<string, readonly number[]>,
  address: SocketAddress,
): readonly number[] {
  return sockets.get(nameOfAddress(address)) ?? [];
}
