import { close } from "./bridge.ts";
import { shutDown } from "./shut_down.ts";

/** Close a TLS connection whose handshake has not been seen to end. */
export function abandon(connection: Deno.TlsConn): void {
  const { remoteAddr, localAddr } = connection;
  close(connection);
  shutDown({ remoteAddr, localAddr });
}
