import type { CertificateSnapshot } from "../port/snapshot.ts";

/**
 * The certificate for a server name (RFC 6066 3): exact, then the nearest wildcard or parent domain,
 * then the default. A single certificate serves every name, and so does `*`. An empty name is a
 * client without SNI. Null when there is none.
 */
export function pickCertificate(
  certificates: readonly CertificateSnapshot[],
  serverName: string,
): CertificateSnapshot | null {
  if (certificates.length <= 1) return certificates[0] ?? null;
  const named = (name: string) =>
    certificates.find((c) => c.names.includes(name));
  const name = serverName.toLowerCase().replace(/\.$/, "");
  if (name !== "") {
    let found = named(name);
    for (let rest = name; !found;) {
      const dot = rest.indexOf(".");
      if (dot < 0) break;
      rest = rest.slice(dot + 1);
      found = named(`*.${rest}`) ?? named(rest);
    }
    if (found) return found;
  }
  return certificates.find((c) => c.isDefault) ?? named("*") ??
    certificates.at(-1)!;
}
