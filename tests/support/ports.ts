/** Ports for servers that cannot be told to take any, and for connections that must be refused. */

/** Below those that the system gives to any connection, at any moment (ip_local_port_range). */
const FIRST = 12_000;
const LAST = 32_000;

/** Ports that were free a moment ago, all different. */
export function freePorts(count: number): number[] {
  const listeners: Deno.Listener[] = [];
  while (listeners.length < count) {
    const port = FIRST + Math.floor(Math.random() * (LAST - FIRST));
    try {
      listeners.push(Deno.listen({ hostname: "127.0.0.1", port }));
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
  const ports = listeners.map((l) => (l.addr as Deno.NetAddr).port);
  for (const listener of listeners) listener.close();
  return ports;
}

/** A port of this host on which nobody listens. */
export function refusedPort(): number {
  return freePorts(1)[0]!;
}

/** Whether somebody takes connections at a port of this host. */
export async function answers(port: number): Promise<boolean> {
  try {
    (await Deno.connect({ hostname: "127.0.0.1", port })).close();
    return true;
  } catch {
    return false;
  }
}
