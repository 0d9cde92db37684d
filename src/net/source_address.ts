/** Whether this runtime can choose the address that it connects from. */
import { connect } from "node:net";

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
