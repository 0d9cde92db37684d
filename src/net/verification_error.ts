/** Codes of node:tls for a certificate that does not satisfy, in the releases of the runtime that say so. */
const UNVERIFIED =
  /^(ERR_TLS_CERT_|UNABLE_TO_|CERT_|SELF_SIGNED_CERT|DEPTH_ZERO_)/;

/** A handshake failed for its certificate alone. Other releases end it without an error, and without a fingerprint. */
export function isVerificationError(error: Error): boolean {
  return "code" in error && UNVERIFIED.test(String(error.code));
}
