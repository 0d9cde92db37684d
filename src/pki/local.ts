/** What is said of the local authority without making it: the library that it signs with is slow to load. */
import {
  certificateDer,
  derOf,
  PEM_CERTIFICATE,
  readCertificate,
  X509Error,
} from "../net/x509.ts";

/** The name by which the API knows the one authority there is. */
export const LOCAL = "local";

/** Where the authority is kept, in the state directory. */
export const AUTHORITY_FILE = "authority.pem";

/** In milliseconds, as validity is counted in. */
export const DAY = 86_400_000;

/** A certificate, or a chain with the server's own first, and its key. */
export interface PemPair {
  readonly certPem: string;
  readonly keyPem: string;
  readonly notAfter: Date;
}

/** What everybody may know of the authority. */
export interface AuthorityView {
  readonly id: string;
  readonly name: string;
  readonly root_common_name: string;
  readonly intermediate_common_name: string;
  /** PEM, as the next. */
  readonly root_certificate: string;
  readonly intermediate_certificate: string;
}

/** What is kept cannot be used; the message says what to do. */
export class AuthorityError extends Error {
  override readonly name = "AuthorityError";
}

/** The first certificate of a PEM text that is signed by itself; null where there is none. */
export function rootIn(text: string): string | null {
  const root = text.match(PEM_CERTIFICATE)?.find(isOwnIssuer);
  return root === undefined ? null : `${root}\n`;
}

function isOwnIssuer(pem: string): boolean {
  try {
    const { subject, issuer } = readCertificate(certificateDer(pem));
    return derOf(subject).toHex() === derOf(issuer).toHex();
  } catch (error) {
    if (!(error instanceof X509Error)) throw error;
    return false;
  }
}
