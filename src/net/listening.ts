/** Listening sockets of the process, through libc. Linux only. */
import { fileDescriptors, libc, SOL_SOCKET } from "./libc.ts";

// <asm/socket.h> of Linux.
const SO_ACCEPTCONN = 30;

/** The descriptors of all sockets that listen, whatever their family; none without libc. */
export function listeningDescriptors(): number[] {
  const calls = libc();
  if (!calls) return [];
  const value = new Int32Array(1);
  const size = new Uint32Array([4]);
  return descriptors().filter((fd) =>
    calls.getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, value, size) === 0 &&
    value[0] === 1
  );
}

/** None where there is no /proc, as in some containers. */
function descriptors(): number[] {
  try {
    return [...fileDescriptors()];
  } catch {
    return [];
  }
}
