/** Reads the authorities that a destination's certificate may be signed by. */
import {
  certificateDer,
  PEM_CERTIFICATE,
  readCertificate,
  X509Error,
} from "../net/x509.ts";
import { nameText } from "../net/x509_names.ts";
import { CertificateError } from "./certificate.ts";

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
      const { subject, notBefore, notAfter } = readCertificate(
        certificateDer(pem),
      );
      return { pem, name: nameText(subject), notBefore, notAfter };
    } catch (error) {
      if (!(error instanceof X509Error)) throw error;
      throw new CertificateError(
        "cert",
        `certificate ${index + 1} of the file cannot be read`,
      );
    }
  });
}
