/** Whether a connection to a port of IPv4 loopback is open, by what the kernel says. */
export function isConnected(port: number): boolean {
  const hex = port.toString(16).toUpperCase().padStart(4, "0");
  // The address and port at the other end, then the state: 01 is ESTABLISHED.
  return new RegExp(` [0-9A-F]{8}:[0-9A-F]{4} [0-9A-F]{8}:${hex} 01 `)
    .test(Deno.readTextFileSync("/proc/net/tcp"));
}
