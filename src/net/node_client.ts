/** Connections for client libraries that are written for the sockets of node. */
import net from "node:net";
import tls from "node:tls";
import { isAddress } from "./address.ts";
import { shutDown } from "./shut_down.ts";
import { isVerificationError } from "./verification_error.ts";

/** What such a library is given. */
export type ClientSocket = net.Socket;

/** A port of a host, or a UNIX socket. */
export type SocketTarget =
  | { readonly host: string; readonly port: number }
  | { readonly path: string };

export interface ServerTrust {
  /** The host that the certificate has to be for. */
  readonly host: string;
  /** `authority`: the host's name does not matter. */
  readonly verification: "none" | "authority" | "full";
  /** PEM of the authorities that count. */
  readonly roots: readonly string[];
}

/** Nothing is verified before this is thrown, and nothing is sent after it. */
export class ServerNotVerified extends Error {
  override readonly name = "ServerNotVerified";
}

const KEEP_ALIVE_MS = 60_000;

/** Throws the socket's own error, or the signal's reason. */
export function connectNode(
  target: SocketTarget,
  signal: AbortSignal,
): Promise<net.Socket> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const socket = net.connect({ ...target });
    const abort = () => {
      socket.destroy();
      reject(signal.reason);
    };
    signal.addEventListener("abort", abort, { once: true });
    socket.once("error", (error) => {
      signal.removeEventListener("abort", abort);
      reject(error);
    });
    socket.once("connect", () => {
      signal.removeEventListener("abort", abort);
      socket.removeAllListeners("error");
      if ("port" in target) {
        socket.setNoDelay(true);
        socket.setKeepAlive(true, KEEP_ALIVE_MS);
      }
      resolve(socket);
    });
  });
}

function unverified(): ServerNotVerified {
  return new ServerNotVerified("certificate could not be verified");
}

/**
 * TLS over a socket whose other end waits for it. Throws ServerNotVerified, the error of the handshake, or
 * the signal's reason.
 */
export function secureNode(
  socket: net.Socket,
  { host, verification, roots }: ServerTrust,
  signal?: AbortSignal,
): Promise<tls.TLSSocket> {
  return new Promise((resolve, reject) => {
    const secured = tls.connect({
      socket,
      ca: [...roots],
      rejectUnauthorized: verification !== "none",
      // A name for SNI; an address is verified too where it is given as the host alone.
      ...isAddress(host) ? { host } : { host, servername: host },
      ...verification === "authority" && {
        checkServerIdentity: () => undefined,
      },
    });
    // Destroyed while it shakes hands, it would stay open until the peer acts: it has to end before.
    const { localAddress, localPort, remoteAddress, remotePort } = socket;
    const abort = () => {
      reject(signal!.reason);
      if (!localAddress || !localPort || !remoteAddress || !remotePort) return;
      const transport = "tcp";
      shutDown({
        localAddr: { transport, hostname: localAddress, port: localPort },
        remoteAddr: { transport, hostname: remoteAddress, port: remotePort },
      });
    };
    const fail = (error: Error) => {
      signal?.removeEventListener("abort", abort);
      secured.destroy();
      socket.destroy();
      reject(isVerificationError(error) ? unverified() : error);
    };
    signal?.addEventListener("abort", abort, { once: true });
    secured.once("error", fail);
    secured.once(
      "close",
      () => fail(new Error("closed during the TLS handshake")),
    );
    secured.once("secureConnect", () => {
      // The runtime reports this also when verification failed; a fingerprint is there only after a
      // handshake that went through.
      if (!secured.getPeerCertificate()?.fingerprint256) {
        return fail(unverified());
      }
      signal?.removeEventListener("abort", abort);
      secured.removeAllListeners("error");
      secured.removeAllListeners("close");
      resolve(secured);
    });
  });
}
