/**
 * Taking listening sockets off their addresses without losing a client. What waits in the queue of such a
 * socket is reset when it is closed, so at first nothing new may come to it, and what has come is waited
 * for. Where others listen at the same address new connections are steered to those. Elsewhere the first
 * packet of a new connection is dropped, and the client sends it again a second later, to whoever
 * listens there by then. Linux only, through libc; without it sockets are closed as they are.
 */
import type { SocketAddress } from "../port/snapshot.ts";
import { attachProgram } from "./bpf.ts";
import { polled } from "./poll.ts";
import { listeningSockets, steer, steerNoMore } from "./reuseport.ts";
import { nameOfAddress } from "./socket_names.ts";

// <asm/socket.h>, <linux/filter.h> and <poll.h> of Linux.
const SO_ATTACH_FILTER = 26;
const LOAD_BYTE = 0x30;
const AND = 0x54;
const JUMP_IF_EQUAL = 0x15;
const RETURN = 0x06;
const POLLIN = 1;

/** Where the flags are in a TCP header, and those that tell a first packet (RFC 9293 3.1). */
const FLAGS_AT = 13;
const SYN = 0x02;
const ACK = 0x10;

/** A worker that has not accepted what waits for so long is stuck. */
const PATIENCE_MS = 1000;
const LOOK_MS = 1;

/** Sockets that are about to be replaced, or taken away. */
export class Vacating {
  readonly #before = listeningSockets();
  #steered: { readonly address: SocketAddress; readonly from: number }[] = [];

  /** To be made before what replaces them is bound. `addresses`: where they listen. */
  constructor(private readonly addresses: readonly SocketAddress[]) {}

  /**
   * To be called when what replaces them listens; they must still accept. Resolves when nothing comes to
   * them any more, so that they can be closed. `kept`: the addresses at which the process goes on to listen.
   */
  async clear(kept: readonly SocketAddress[]): Promise<void> {
    const after = listeningSockets();
    const stays = new Set(kept.map(nameOfAddress));
    const going: number[] = [];
    const steering: { address: SocketAddress; from: number; count: number }[] =
      [];
    for (const address of this.addresses) {
      const name = nameOfAddress(address);
      const old = this.#before.get(name) ?? [];
      const count = after.get(name)?.filter((fd) => !old.includes(fd)).length;
      if (count) steering.push({ address, from: old.length, count });
      else if (!stays.has(name)) old.forEach(dropFirstPackets);
      else continue;
      going.push(...old);
    }
    this.#steered = steering;
    steer(steering);
    const end = performance.now() + PATIENCE_MS;
    while (isAnyWaiting(going) && performance.now() < end) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
    // One place behind all that go stays a new one's until the last of them is closed.
    steer(steering.map((each) => ({ ...each, count: 1 })));
  }

  /** To be called when they are closed. */
  done(): void {
    steerNoMore(this.#steered.map(({ address }) => address));
  }
}

/** Its peers send them again; the handshakes that have begun are finished. */
function dropFirstPackets(fd: number): void {
  attachProgram(fd, SO_ATTACH_FILTER, [
    [LOAD_BYTE, FLAGS_AT],
    [AND, SYN | ACK],
    [JUMP_IF_EQUAL, SYN, 0, 1],
    [RETURN, 0],
    [RETURN, 0xffffffff],
  ]);
}

/** Whether one of the sockets has a connection that was not accepted. */
function isAnyWaiting(fds: readonly number[]): boolean {
  return fds.length > 0 &&
    polled(fds, POLLIN).some((found) => (found & POLLIN) !== 0);
}
