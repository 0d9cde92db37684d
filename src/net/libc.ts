/** The few system calls that the runtime does not have, through libc. Linux only. */

/** The level of a socket's own options, of <asm/socket.h>. */
export const SOL_SOCKET = 1;

const SYMBOLS = {
  getsockopt: {
    parameters: ["i32", "i32", "i32", "buffer", "buffer"],
    result: "i32",
  },
  setsockopt: {
    parameters: ["i32", "i32", "i32", "buffer", "u32"],
    result: "i32",
  },
  getpeername: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  getsockname: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  poll: { parameters: ["buffer", "usize", "i32"], result: "i32" },
  shutdown: { parameters: ["i32", "i32"], result: "i32" },
  recv: { parameters: ["i32", "buffer", "usize", "i32"], result: "isize" },
  epoll_ctl: { parameters: ["i32", "i32", "i32", "buffer"], result: "i32" },
  dup: { parameters: ["i32"], result: "i32" },
  dup2: { parameters: ["i32", "i32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
  // It takes up to a tenth of a second.
  malloc_trim: { parameters: ["usize"], result: "i32", nonblocking: true },
} as const;

type Libc = Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];

let loaded: Libc | null | undefined;

/** The calls, or null where there is no such libc. */
export function libc(): Libc | null {
  if (loaded !== undefined) return loaded;
  if (Deno.build.os !== "linux") return loaded = null;
  try {
    return loaded = Deno.dlopen("libc.so.6", SYMBOLS).symbols;
  } catch {
    return loaded = null;
  }
}

/** Give freed memory back to the system, in a thread of the runtime's: malloc_trim(3). */
export function trimMemory(): void {
  void libc()?.malloc_trim(0n);
}

/** Every file descriptor of the process, sockets and others. */
export function* fileDescriptors(): Generator<number> {
  for (const { name } of Deno.readDirSync("/proc/self/fd")) yield Number(name);
}
