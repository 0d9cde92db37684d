/** Reads `tls_ca_file` and `tls_crl_file` of destinations. */
import type { RevocationList } from "../port/snapshot.ts";
import { readAuthorities } from "./authorities.ts";
import { CertificateError } from "./certificate.ts";
import type { Issues, Path } from "./issues.ts";
import { readNamed, warnOfDates, whyUnreadable } from "./named_files.ts";
import type { ResourceHost } from "./resources.ts";
import { eachDestination } from "./rules/rule.ts";
import type { ConfigDraft } from "./walk.ts";

/** What a destination's certificate is verified by, where that is not the host's store alone. */
export interface DestinationTrust {
  /** PEM of each authority of `tls_ca_file`. */
  readonly authorities?: readonly string[];
  /** The lists of `tls_crl_file`. */
  readonly revocations?: readonly RevocationList[];
}

/** For each destination that has something of its own. Problems and warnings go to `issues`. */
export async function loadTrust(
  draft: ConfigDraft,
  issues: Issues,
  host: ResourceHost,
): Promise<Map<string, DestinationTrust>> {
  const loaded = new Map<string, DestinationTrust>();
  for (const [name, destination] of eachDestination(draft)) {
    const { tls_ca_file: caFile, tls_crl_file: crlFile } = destination;
    const base = ["destination", name];
    let authorities: readonly string[] | undefined;
    if (caFile !== undefined) {
      const path = [...base, "tls_ca_file"];
      authorities = await authoritiesOf(issues, host, path, caFile);
      // Without them there is nothing to check a list with.
      if (!authorities) continue;
    }
    let revocations: readonly RevocationList[] | undefined;
    if (crlFile !== undefined) {
      const path = [...base, "tls_crl_file"];
      try {
        const read = await host.readRevocations(crlFile, authorities);
        for (const warning of read.warnings) issues.warn(path, warning);
        revocations = read.lists;
      } catch (error) {
        issues.problem(path, `cannot use ${crlFile}: ${whyUnreadable(error)}`);
      }
    }
    if (authorities || revocations) {
      loaded.set(name, {
        ...(authorities && { authorities }),
        ...(revocations && { revocations }),
      });
    }
  }
  return loaded;
}

async function authoritiesOf(
  issues: Issues,
  host: ResourceHost,
  path: Path,
  file: string,
): Promise<readonly string[] | undefined> {
  const text = await readNamed(issues, host, path, file);
  if (text === undefined) return undefined;
  try {
    const entries = readAuthorities(text);
    for (const entry of entries) {
      warnOfDates(issues, path, `${entry.name} of ${file}`, entry);
    }
    return entries.map(({ pem }) => pem);
  } catch (error) {
    if (!(error instanceof CertificateError)) throw error;
    issues.problem(path, `${file} ${error.message}`);
    return undefined;
  }
}
