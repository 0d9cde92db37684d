/**
 * TLS towards backends that the runtime's own client cannot do: a pinned certificate, no
 * verification, a client certificate, revocation. It goes through node:tls, which can only take over a socket
 * of node's own before its first read; so the connection is carried to it over loopback.
 */
import net from "node:net";
import tls from "node:tls";
import type { LegPlace } from "../port/snapshot.ts";
import { bridge, close } from "./bridge.ts";
import { type ByteStream, isWriting } from "./byte_stream.ts";
import { acceptFrom } from "./loopback.ts";
import { NodeStream } from "./node_stream.ts";
import { rememberPin } from "./pins.ts";
import { isVerificationError } from "./verification_error.ts";
import { revocationFault } from "./revocation.ts";

/** What is known of a certificate that failed: the runtime does not say more. */
const UNVERIFIED = "certificate could not be verified";

/** The certificate of a backend is not the one that its leg asks for. */
export class CertificateRefused extends Error {
  override readonly name = "CertificateRefused";
}

/** The handshake with a backend over `raw`, which has nothing buffered. Throws when the certificate is not good. */
export async function startNodeTls(
  raw: ByteStream,
  leg: LegPlace,
): Promise<ByteStream> {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const socket = net.connect({ host: "127.0.0.1", port: listener.addr.port });
  // A read that node begins on its own would swallow the handshake.
  socket.pause();
  try {
    const secured = handshake(socket, leg);
    // Observed below; a rejection before that must not count as unhandled.
    secured.catch(() => {});
    await connected(socket);
    const inner = await acceptFrom(listener, socket.localPort!);
    const flow = { forward: 0, backward: 0, active: false };
    void bridge({ stream: inner }, { stream: raw }, flow);
    // A backend that takes nothing would keep the connection; where it does, what is left still goes out.
    socket.once("close", () => {
      if (isWriting(raw)) close(raw);
    });
    return new NodeStream(await secured, socket);
  } catch (error) {
    socket.destroy();
    close(raw);
    throw error;
  } finally {
    listener.close();
  }
}

function handshake(
  socket: net.Socket,
  leg: LegPlace,
): Promise<tls.TLSSocket> {
  return new Promise((resolve, reject) => {
    socket.once("error", reject);
    socket.once("connect", () => {
      socket.setNoDelay(true);
      const secured = tls.connect({ socket, ...optionsOf(leg) });
      secured.once(
        "error",
        (error) =>
          reject(
            isVerificationError(error)
              ? new CertificateRefused(UNVERIFIED)
              : error,
          ),
      );
      secured.once(
        "close",
        () => reject(new Error("closed during the TLS handshake")),
      );
      secured.once("secureConnect", () => {
        try {
          const fault = faultOf(secured, leg);
          if (fault === null) return resolve(secured);
          reject(new CertificateRefused(fault));
        } catch (error) {
          reject(error);
        }
        secured.destroy();
      });
    });
  });
}

function connected(socket: net.Socket): Promise<void> {
  if (!socket.connecting) return Promise.resolve();
  return new Promise((resolve, reject) => {
    socket.once("connect", () => resolve());
    socket.once("error", reject);
  });
}

function optionsOf(leg: LegPlace): tls.ConnectionOptions {
  const { trust, clientCertificate } = leg;
  const verified = "caCerts" in trust;
  return {
    servername: trust.serverName,
    rejectUnauthorized: verified,
    ...(verified && { ca: [...trust.caCerts] }),
    ...(clientCertificate && {
      cert: clientCertificate.certPem,
      key: clientCertificate.keyPem,
    }),
  };
}

/** What is wrong with the backend's certificate, or null. */
function faultOf(
  secured: tls.TLSSocket,
  { trust }: LegPlace,
): string | null {
  // The runtime reports authorized === true even when verification failed; a fingerprint is there
  // only after a handshake that went through.
  const certificate = secured.getPeerCertificate();
  const fingerprint = certificate?.fingerprint256;
  if (!fingerprint) return UNVERIFIED;
  if ("caCerts" in trust) {
    const { revocations } = trust;
    return revocations ? revocationFault(certificate.raw, revocations) : null;
  }
  if (trust.kind === "none") return null;
  const sha256 = fingerprint.replaceAll(":", "").toLowerCase();
  if (sha256 !== trust.sha256) {
    return `certificate has SHA-256 ${sha256}, not the pinned one`;
  }
  rememberPin(sha256, certificate);
  return null;
}
