/** What has happened on descriptors by now (poll(2)), through libc. Linux only. */
import { libc } from "./libc.ts";

const POLLFD_SIZE = 8;

/** Of each descriptor which of `events` there are, and errors, as poll(2) names them; waits for none. Needs libc. */
export function polled(fds: readonly number[], events: number): number[] {
  const asked = new DataView(new ArrayBuffer(POLLFD_SIZE * fds.length));
  fds.forEach((fd, i) => {
    asked.setInt32(i * POLLFD_SIZE, fd, true);
    asked.setInt16(i * POLLFD_SIZE + 4, events, true);
  });
  libc()!.poll(new Uint8Array(asked.buffer), BigInt(fds.length), 0);
  return fds.map((_, i) => asked.getInt16(i * POLLFD_SIZE + 6, true));
}
