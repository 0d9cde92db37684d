import { close } from "./bridge.ts";

/** The accepted end of the connection from `localPort`; anybody else who connects is turned away. */
export async function acceptFrom(
  listener: Deno.TcpListener,
  localPort: number,
): Promise<Deno.TcpConn> {
  for (;;) {
    const connection = await listener.accept();
    if (connection.remoteAddr.port === localPort) {
      connection.setNoDelay(true);
      return connection;
    }
    close(connection);
  }
}

/** Two ends of a connection over loopback that nobody else can get between. */
export async function loopbackPair(): Promise<[Deno.TcpConn, Deno.TcpConn]> {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { hostname, port } = listener.addr;
  const near = await Deno.connect({ hostname, port });
  near.setNoDelay(true);
  return [near, await acceptFrom(listener, near.localAddr.port)];
}
