/** The authorities that certificates of backends are verified with. */

/** Where distributions keep the host's trust store as one file. */
const HOST_BUNDLES = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/ca-bundle.pem",
  "/etc/ssl/cert.pem",
];

const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/**
 * The host's trust store and, in addition to it, what SSL_CERT_FILE names: one PEM text for each
 * authority. A file that cannot be read adds nothing.
 */
export function readTrustRoots(
  env: (name: string) => string | undefined,
): string[] {
  const host = HOST_BUNDLES.map(read).find((text) => text !== null) ?? "";
  const added = env("SSL_CERT_FILE");
  const text = `${host}\n${added ? read(added) ?? "" : ""}`;
  return [...new Set(text.match(PEM))];
}

/**
 * Make the runtime's own default store empty; the authorities of a leg are given with each dial.
 * Every TLS connection holds a copy of the default store, about 80 KB with the usual 144
 * authorities. It is read at the first use of TLS in the process, so this comes before that.
 */
export function emptyDefaultStore(): void {
  Deno.env.set("DENO_TLS_CA_STORE", "");
}

function read(path: string): string | null {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return null;
  }
}
