/** Ports for servers that cannot be told to take any, and for connections that must be refused. */

/** Ports that were free a moment ago, all different. */
export function freePorts(count: number): number[] {
  const listeners = Array.from(
    { length: count },
    () => Deno.listen({ hostname: "127.0.0.1", port: 0 }),
  );
  const ports = listeners.map((l) => l.addr.port);
  for (const listener of listeners) listener.close();
  return ports;
}

/** A port of this host on which nobody listens. */
export function refusedPort(): number {
  return freePorts(1)[0]!;
}
