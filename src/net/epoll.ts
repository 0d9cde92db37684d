/**
 * What the runtime has registered with epoll, as the kernel tells it in /proc/self/fdinfo
 * (proc_pid_fdinfo(5)), and changes to that (epoll_ctl(2)). Each thread of the runtime that waits for
 * sockets has an instance of its own.
 */
import { fileDescriptors, libc } from "./libc.ts";

/** That an instance waits for events of a descriptor, and what it tells the runtime of them. */
export interface Registration {
  readonly epoll: number;
  readonly fd: number;
  readonly events: number;
  /** The runtime's word for the connection. It takes it for what it is: nothing else may be put there. */
  readonly data: bigint;
}

// <sys/epoll.h> of Linux.
const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_DEL = 2;
const EPOLLET = 0x80000000;
/** `struct epoll_event` is packed on x86-64 alone. */
const DATA_AT = Deno.build.arch === "x86_64" ? 4 : 8;

/** The runtime's word for its own wake-ups, which mean nothing but another turn of its loop. */
const WAKE_UP = 0n;

const LINE = /^tfd: +(\d+) events: +([0-9a-f]+) data: +([0-9a-f]+)/gm;

/** This thread's instance, once it was found. */
let own: number | null = null;

/** What one instance knows of the descriptors that were asked for. */
export interface Reading {
  readonly found: ReadonlyMap<number, Registration>;
  /** How many other registrations there are; all of them had to be read. */
  readonly others: number;
}

/** The registrations of descriptors that this thread waits for; null unless it is certain of all. */
export function registrations(fds: ReadonlySet<number>): Reading | null {
  for (const epoll of own === null ? instances() : [own]) {
    const reading = readInstance(epoll, fds);
    if (reading?.found.size !== fds.size) continue;
    own = epoll;
    return reading;
  }
  return null;
}

/** No more events of a descriptor; false where it was not registered. */
export function forget(epoll: number, fd: number): boolean {
  const ignored = new Uint8Array(16);
  return libc()!.epoll_ctl(epoll, EPOLL_CTL_DEL, fd, ignored) === 0;
}

/** Register what a descriptor refers to now. */
export function register(
  { epoll, fd, events, data }: Registration,
): boolean {
  const event = new DataView(new ArrayBuffer(16));
  event.setUint32(0, events, true);
  event.setBigUint64(DATA_AT, data, true);
  const bytes = new Uint8Array(event.buffer);
  return libc()!.epoll_ctl(epoll, EPOLL_CTL_ADD, fd, bytes) === 0;
}

/** A registration that tells nothing: the runtime expects one when it closes a descriptor. */
export function silent(epoll: number, fd: number): Registration {
  return { epoll, fd, events: EPOLLET, data: WAKE_UP };
}

function* instances(): Generator<number> {
  for (const fd of fileDescriptors()) {
    try {
      const link = Deno.readLinkSync(`/proc/self/fd/${fd}`);
      if (link === "anon_inode:[eventpoll]") yield fd;
    } catch {
      // Closed since it was listed.
    }
  }
}

function readInstance(
  epoll: number,
  fds: ReadonlySet<number>,
): Reading | null {
  let text;
  try {
    text = Deno.readTextFileSync(`/proc/self/fdinfo/${epoll}`);
  } catch {
    // Without /proc, or closed since it was listed.
    return null;
  }
  const found = new Map<number, Registration>();
  let others = 0;
  for (const [, tfd, events, data] of text.matchAll(LINE)) {
    const fd = Number(tfd);
    if (!fds.has(fd)) {
      others++;
      continue;
    }
    // A number may stand there twice, for what it referred to before and lives on under another.
    if (found.has(fd)) return null;
    found.set(fd, {
      epoll,
      fd,
      events: Number.parseInt(events!, 16),
      data: BigInt(`0x${data}`),
    });
  }
  return { found, others };
}
