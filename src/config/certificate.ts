/** Reads a certificate with its key, and says what is wrong with the pair. */
import { Buffer } from "node:buffer";
import { createPrivateKey, createPublicKey } from "node:crypto";
import {
  type Certificate,
  certificateDer,
  derOf,
  PEM_CERTIFICATE,
  readCertificate,
  X509Error,
} from "../net/x509.ts";
import { commonNames } from "../net/x509_names.ts";

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

/** Check that `certPem` is a chain whose first certificate belongs to `keyPem`. Throws CertificateError. */
export function readPair(certPem: string, keyPem: string): CertificatePair {
  const chain = (certPem.match(PEM_CERTIFICATE) ?? []).map((pem, index) =>
    parseCertificate(pem, index)
  );
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

function parseCertificate(pem: string, index: number): Certificate {
  try {
    return readCertificate(certificateDer(pem));
  } catch (error) {
    if (!(error instanceof X509Error)) throw error;
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

function belongs({ publicKey }: Certificate, spki: Uint8Array): boolean {
  return Buffer.compare(derOf(publicKey), spki) === 0;
}

function namesOf(certificate: Certificate): string[] {
  const names = certificate.alternativeNames
    .filter(({ type }) => type === "dns").map(({ value }) => value);
  // RFC 6125 6.4.4: the common name counts only where there are no alternative names.
  const found = names.length > 0 ? names : commonNames(certificate.subject);
  return [...new Set(found.map((name) => name.toLowerCase()))];
}
