/**
 * Pinned certificates whose key can be proven. node:tls without verification accepts any signature
 * over the handshake, so there a certificate, which everybody can see, shows who is meant and not
 * who is there. The runtime's own client checks the signature, and takes a self-signed certificate
 * as its own authority; so once such a certificate has been seen, its legs go that way.
 */
import type { PeerCertificate } from "node:tls";

/** By SHA-256: the PEM, or null where the runtime's client cannot take the certificate as an authority. */
const seen = new Map<string, string | null>();

/** What is known of a pinned certificate; undefined before it was seen. */
export function provablePin(sha256: string): string | null | undefined {
  return seen.get(sha256);
}

/** Remember a certificate that matched its pin. Decided by its content alone, which nobody can change. */
export function rememberPin(
  sha256: string,
  certificate: PeerCertificate,
): void {
  if (seen.has(sha256)) return;
  const { subject, issuer, valid_from: from, valid_to: to } = certificate;
  const now = Date.now();
  const usable = JSON.stringify(subject) === JSON.stringify(issuer) &&
    // Certificates marked as an authority are refused as a server's.
    !(certificate as { ca?: boolean }).ca &&
    Date.parse(from) <= now && now <= Date.parse(to);
  seen.set(sha256, usable ? toPem(certificate.raw) : null);
}

function toPem(der: Uint8Array): string {
  const lines = btoa(String.fromCharCode(...der)).match(/.{1,64}/g)!;
  return `-----BEGIN CERTIFICATE-----\n${
    lines.join("\n")
  }\n-----END CERTIFICATE-----\n`;
}
