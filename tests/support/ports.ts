/** Ports for servers that cannot be told to take any, and for connections that must be refused. */

/** From here on the system gives ports to any connection, at any moment. */
const OTHERS = Number(
  /^\d+/.exec(
    Deno.readTextFileSync("/proc/sys/net/ipv4/ip_local_port_range"),
  )?.[0],
);
/** The first of those right below that anybody may listen on. */
const FIRST = Math.max(1024, OTHERS - 20_000);

/** The port that was given out last, to whatever test of this user. */
const TURN = `/tmp/mailferry-test-port-${Deno.uid()}`;

/**
 * Ports that are free, all different. They are given out in turn, over all tests of the host: who asks in the
 * time in which one was got and is not bound yet gets another one.
 */
export function freePorts(count: number): number[] {
  using turn = Deno.openSync(TURN, { write: true, create: true });
  turn.lockSync(true);
  let port = Number(Deno.readTextFileSync(TURN));
  const ports: number[] = [];
  while (ports.length < count) {
    port = port >= FIRST && port + 1 < OTHERS ? port + 1 : FIRST;
    if (isFree(port)) ports.push(port);
  }
  Deno.writeTextFileSync(TURN, String(port));
  return ports;
}

function isFree(port: number): boolean {
  try {
    Deno.listen({ hostname: "127.0.0.1", port }).close();
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) return false;
    throw error;
  }
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
