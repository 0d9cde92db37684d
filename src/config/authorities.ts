/** Reads the authorities that a destination's certificate may be signed by. */
import "reflect-metadata";
import { X509Certificate } from "@peculiar/x509";
import { CertificateError, PEM_CERTIFICATE } from "./certificate.ts";

export interface AuthorityEntry {
  readonly pem: string;
  /** Its name as text. */
  readonly name: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/** The certificates of a PEM bundle, each once. Throws CertificateError. */
export function readAuthorities(bundle: string): AuthorityEntry[] {
  const pems = [...new Set(bundle.match(PEM_CERTIFICATE))];
  if (pems.length === 0) {
    throw new CertificateError("cert", "has no PEM certificate");
  }
  return pems.map((pem, index) => {
    try {
      const { subject, notBefore, notAfter } = new X509Certificate(pem);
      return { pem, name: subject, notBefore, notAfter };
    } catch {
      throw new CertificateError(
        "cert",
        `certificate ${index + 1} of the file cannot be read`,
      );
    }
  });
}
