/**
 * Pinned certificates whose key can be proven. node:tls without verification accepts any signature
 * over the handshake, so there a certificate, which everybody can see, shows who is meant and not
 * who is there. The runtime's own client checks the signature, and takes a self-signed certificate
 * as its own authority; so once such a certificate has been seen, its legs go that way.
 */
import type { PeerCertificate } from "node:tls";

/** A certificate that can be its own authority, while it is valid. */
interface Provable {
  readonly pem: string;
  readonly from: number;
  readonly to: number;
}

/** By SHA-256; null where the runtime's client cannot take the certificate as an authority. */
const seen = new Map<string, Provable | null>();

/**
 * The PEM of a pinned certificate, or null where its key cannot be proven now; undefined before it
 * was seen. A pin outlives its certificate's dates, the proof does not.
 */
export function provablePin(
  sha256: string,
  now = Date.now(),
): string | null | undefined {
  const pin = seen.get(sha256);
  if (!pin) return pin;
  return pin.from <= now && now <= pin.to ? pin.pem : null;
}

/** Remember a certificate that matched its pin. Decided by its content alone, which nobody can change. */
export function rememberPin(
  sha256: string,
  certificate: PeerCertificate,
): void {
  if (seen.has(sha256)) return;
  const { subject, issuer, valid_from: from, valid_to: to } = certificate;
  const usable = JSON.stringify(subject) === JSON.stringify(issuer) &&
    // Certificates marked as an authority are refused as a server's.
    !(certificate as { ca?: boolean }).ca;
  const pem = toPem(certificate.raw);
  const [fromMs, toMs] = [Date.parse(from), Date.parse(to)];
  seen.set(sha256, usable ? { pem, from: fromMs, to: toMs } : null);
}

function toPem(der: Uint8Array): string {
  const lines = btoa(String.fromCharCode(...der)).match(/.{1,64}/g)!;
  return `-----BEGIN CERTIFICATE-----\n${
    lines.join("\n")
  }\n-----END CERTIFICATE-----\n`;
}
