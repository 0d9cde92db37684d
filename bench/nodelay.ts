/**
 * TCP_NODELAY on what a listener accepts. Deno has no call for it on TLS
 * connections, and without it a greeting waits some 40 ms for the
 * acknowledgement of the session tickets before it; mail servers set it.
 */

const IPPROTO_TCP = 6;
const TCP_NODELAY = 1;

/** Sets it on the listening socket: Linux hands it on to accepted ones. */
export async function acceptWithoutDelay(port: number): Promise<void> {
  const fd = await listeningFd(port);
  const libc = Deno.dlopen("libc.so.6", {
    setsockopt: {
      parameters: ["i32", "i32", "i32", "buffer", "u32"],
      result: "i32",
    },
  });
  const on = new Int32Array([1]);
  const result = libc.symbols.setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, on, 4);
  libc.close();
  if (result !== 0) throw new Error(`setsockopt TCP_NODELAY: ${result}`);
}

/** Our file descriptor that listens on an IPv4 port, by way of its inode. */
async function listeningFd(port: number): Promise<number> {
  const local = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const LISTEN = "0A";
  const inode = (await Deno.readTextFile("/proc/self/net/tcp")).split("\n")
    .map((line) => line.trim().split(/\s+/))
    .find((f) => f[1]?.endsWith(local) && f[3] === LISTEN)?.[9];
  for await (const { name } of Deno.readDir("/proc/self/fd")) {
    const link = await Deno.readLink(`/proc/self/fd/${name}`).catch(() => "");
    if (link === `socket:[${inode}]`) return Number(name);
  }
  throw new Error(`no listening socket on port ${port}`);
}
