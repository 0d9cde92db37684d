/** Certificates that legs are verified with. */

const SYSTEM_BUNDLES = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/cert.pem",
];

/**
 * Make the runtime trust the host's store and, in addition to it, what SSL_CERT_FILE names. The
 * runtime reads its store once for the whole process, at the first use of TLS, and would take
 * SSL_CERT_FILE instead of the host's store: so it is given both in one file. Call before any TLS.
 */
export function loadTrustStore(): void {
  Deno.env.set("DENO_TLS_CA_STORE", "system");
  const added = Deno.env.get("SSL_CERT_FILE");
  const system = SYSTEM_BUNDLES.find((path) => readable(path) !== null);
  if (!added || !system || added === system) return;
  const extra = readable(added);
  if (extra === null) return Deno.env.delete("SSL_CERT_FILE");
  const both = Deno.makeTempFileSync({ prefix: "mailferry-trust-" });
  try {
    Deno.writeTextFileSync(both, `${readable(system)}\n${extra}\n`);
    Deno.env.set("SSL_CERT_FILE", both);
    readNow();
  } finally {
    Deno.removeSync(both);
    Deno.env.set("SSL_CERT_FILE", added);
  }
}

/** Any TLS configuration makes the runtime read the store. */
function readNow(): void {
  Deno.createHttpClient({}).close();
}

function readable(path: string): string | null {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return null;
  }
}
