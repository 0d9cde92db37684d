/** Reads a certificate with its key, and says what is wrong with the pair. */
import "reflect-metadata";
import {
  SubjectAlternativeNameExtension,
  X509Certificate,
} from "@peculiar/x509";
import { Buffer } from "node:buffer";
import { createPrivateKey, createPublicKey } from "node:crypto";

/** What is wrong, and with which of the two files. Never holds anything of the key. */
export class CertificateError extends Error {
  override readonly name = "CertificateError";
  constructor(readonly part: "cert" | "key", message: string) {
    super(message);
  }
}

export interface CertificatePair {
  /** DNS names of the certificate in lower case; the common name where it has none. */
  readonly names: readonly string[];
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/** Each certificate of a PEM text. */
export const PEM_CERTIFICATE =
  /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g;

/** Check that `certPem` is a chain whose first certificate belongs to `keyPem`. Throws CertificateError. */
export function readPair(certPem: string, keyPem: string): CertificatePair {
  const chain = (certPem.match(PEM_CERTIFICATE) ?? []).map(parseCertificate);
  const leaf = chain[0];
  if (leaf === undefined) {
    throw new CertificateError("cert", "has no PEM certificate");
  }
  const key = publicHalf(keyPem);
  if (!belongs(leaf, key)) {
    throw new CertificateError(
      "key",
      chain.some((other) => belongs(other, key))
        ? "belongs to another certificate of the chain: put that one first"
        : "does not belong to the certificate",
    );
  }
  return {
    names: namesOf(leaf),
    notBefore: leaf.notBefore,
    notAfter: leaf.notAfter,
  };
}

function parseCertificate(pem: string, index: number): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch {
    throw new CertificateError(
      "cert",
      `cannot be read: certificate ${index + 1} of its chain is damaged`,
    );
  }
}

/** The public key of a private one, as SubjectPublicKeyInfo. */
function publicHalf(keyPem: string): Uint8Array {
  if (/ENCRYPTED/.test(keyPem)) {
    throw new CertificateError(
      "key",
      "is encrypted: give it without passphrase",
    );
  }
  if (!/-----BEGIN ([A-Z]+ )?PRIVATE KEY-----/.test(keyPem)) {
    throw new CertificateError("key", "has no PEM private key");
  }
  try {
    const key = createPublicKey(createPrivateKey(keyPem));
    return new Uint8Array(key.export({ type: "spki", format: "der" }));
  } catch {
    throw new CertificateError("key", "cannot be read");
  }
}

function belongs(certificate: X509Certificate, spki: Uint8Array): boolean {
  return Buffer.from(certificate.publicKey.rawData).equals(spki);
}

function namesOf(certificate: X509Certificate): string[] {
  const alternative = certificate.getExtension(SubjectAlternativeNameExtension);
  const names = (alternative?.names.toJSON() ?? [])
    .filter((name) => name.type === "dns").map((name) => name.value);
  // RFC 6125 6.4.4: the common name counts only where there are no alternative names.
  const found = names.length > 0
    ? names
    : certificate.subjectName.getField("CN");
  return [...new Set(found.map((name) => name.toLowerCase()))];
}
