/** Choosing the address that a connection comes from: node:net can, where the runtime honours it. */
import { connect } from "node:net";
import { bridge } from "./bridge.ts";
import { loopbackPair } from "./loopback.ts";
import { NodeStream } from "./node_stream.ts";

/**
 * Connect from a local address. The node socket is carried over loopback to a connection of the
 * runtime's own, so that everything after the dial is the same for all legs.
 */
export async function connectFrom(
  source: string,
  target: { readonly hostname: string; readonly port: number },
  signal: AbortSignal,
): Promise<Deno.TcpConn> {
  const socket = connect({
    host: target.hostname,
    port: target.port,
    localAddress: source,
    allowHalfOpen: true,
  });
  const abort = () => socket.destroy(new Error("timed out"));
  signal.addEventListener("abort", abort, { once: true });
  if (signal.aborted) abort();
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once("error", reject);
      socket.once("connect", () => resolve());
    });
    socket.setNoDelay(true);
    socket.setKeepAlive(true);
    const [near, far] = await loopbackPair();
    const flow = { forward: 0, backward: 0, active: false };
    const stream = new NodeStream(socket, socket);
    void bridge({ stream: far }, { stream }, flow);
    return near;
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

/**
 * Try it over loopback: connect from 127.0.0.2 and see where the connection comes from. Some runtimes
 * take `localAddress` and ignore it without an error.
 */
export async function sourceAddressWorks(): Promise<boolean> {
  const wanted = "127.0.0.2";
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  const client = connect({ host: "127.0.0.1", port, localAddress: wanted });
  const gone = new Promise<void>((done) => client.once("close", () => done()));
  try {
    const seen = await Promise.race([
      listener.accept(),
      new Promise<null>((done) => client.once("error", () => done(null))),
    ]);
    if (seen === null) return false;
    const { hostname } = seen.remoteAddr;
    seen.close();
    return hostname === wanted;
  } finally {
    client.destroy();
    await gone;
  }
}
