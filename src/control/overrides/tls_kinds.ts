/** Certificates, authorities and revocation lists that were set at run time. */
import { createHash } from "node:crypto";
import { z } from "zod";
import { readAuthorities } from "../../config/authorities.ts";
import { CertificateError, readPair } from "../../config/certificate.ts";
import type { DestinationTrust } from "../../config/destination_trust.ts";
import type { Json } from "../../config/document/json.ts";
import type { Resources } from "../../config/resources.ts";
import type { Config } from "../../config/schema.ts";
import type { RevocationList } from "../../port/snapshot.ts";
import { readRevocationLists, RevocationError } from "../revocation_lists.ts";
import { overrideKind } from "./kind.ts";
import type { Overlay } from "./overlay.ts";

/** How a text is told from another one, where it is long or a secret. */
const mark = (text: string): Json => ({
  sha256: createHash("sha256").update(text).digest("hex"),
});

/** A certificate with its key, both PEM. */
export interface CertificateValue {
  readonly cert: string;
  readonly key: string;
}

export const certificateOverride = overrideKind({
  name: "certificate",
  summary:
    "`NAME` of `[tls.certificate.NAME]`: another certificate with its key; under a name that the configuration has not, one more.",
  value: z.strictObject({ cert: z.string(), key: z.string() }).superRefine(
    ({ cert, key }, context) =>
      complain(context, () => void readPair(cert, key)),
  ),
  base(_config, name, { certificates }) {
    const configured = certificates.find((entry) => entry.name === name);
    return configured ? mark(configured.certPem) : null;
  },
  lay(overlay, name, { cert, key }) {
    const { certificates } = overlay.resources;
    const before = certificates.find((entry) => entry.name === name);
    const { names, notAfter } = readPair(cert, key);
    const declared = overlay.config.tls.certificate[name]?.subjects;
    const put = {
      name,
      certPem: cert,
      keyPem: key,
      subjects: declared?.map((subject) => subject.toLowerCase()) ?? names,
      isDefault: before?.isDefault ?? false,
      notAfter,
    };
    overlay.resources = {
      ...overlay.resources,
      certificates: before
        ? certificates.map((entry) => entry === before ? put : entry)
        : [...certificates, put],
    };
  },
  shown: (value) => mark((value as CertificateValue).cert),
});

export const authoritiesOverride = overrideKind({
  name: "ca-file",
  summary:
    "`DESTINATION`: other authorities (PEM) than those of `tls_ca_file`, or of the host where it has none.",
  value: z.string().superRefine((text, context) =>
    complain(context, () => void readAuthorities(text))
  ),
  base: (config, name, resources) =>
    trustBase(
      config,
      name,
      resources,
      ({ authorities }) => authorities && mark(authorities.join("\n")),
    ),
  lay(overlay, name, text) {
    const authorities = readAuthorities(text).map(({ pem }) => pem);
    layTrust(overlay, name, { authorities });
  },
  shown: (value) => mark(value as string),
});

export const revocationsOverride = overrideKind({
  name: "crl-file",
  summary:
    "`DESTINATION`: other revocation lists (PEM) than those of `tls_crl_file`, if any.",
  value: z.string().superRefine((text, context) =>
    complain(context, () => void listsOf(text))
  ),
  base: (config, name, resources) =>
    trustBase(
      config,
      name,
      resources,
      ({ revocations }) => revocations && revocations.map(markOfList),
    ),
  lay: (overlay, name, text) =>
    layTrust(overlay, name, { revocations: listsOf(text) }),
  shown: (value) => mark(value as string),
});

/** Why nothing can be believed of a destination in another way; null where it can. */
export function trustRefusal(
  { destination }: Pick<Config, "destination">,
  name: string,
): string | null {
  if (!Object.hasOwn(destination, name)) {
    return `there is no destination ${name}`;
  }
  const { tls_pinned_cert_sha256: pin, tls_allow_invalid_certs: any } =
    destination[name]!;
  if (pin !== undefined) return `destination ${name} has a pinned certificate`;
  return any ? `destination ${name} is not verified` : null;
}

function trustBase(
  config: Config,
  name: string,
  resources: Resources,
  configured: (trust: DestinationTrust) => Json | undefined,
): Json | undefined {
  if (trustRefusal(config, name) !== null) return undefined;
  return configured(resources.trust.get(name) ?? {}) ?? null;
}

function layTrust(
  overlay: Overlay,
  name: string,
  more: Partial<DestinationTrust>,
): void {
  const trust = new Map(overlay.resources.trust);
  trust.set(name, { ...trust.get(name), ...more });
  overlay.resources = { ...overlay.resources, trust };
}

function markOfList({ issuer, issued, serials }: RevocationList): Json {
  const count = serials.entries()
    .reduce((sum, [width, sorted]) => sum + sorted.length / width, 0);
  return { issuer, issued: new Date(issued).toISOString(), count };
}

/** Long lists are laid over every configuration anew, and need not be read each time. */
const READ_LISTS = 8;
const readBefore = new Map<string, readonly RevocationList[]>();

/** The lists of a PEM text. Throws RevocationError. */
function listsOf(text: string): readonly RevocationList[] {
  const known = readBefore.get(text);
  if (known) return known;
  const { lists } = readRevocationLists(new TextEncoder().encode(text), []);
  if (readBefore.size >= READ_LISTS) {
    readBefore.delete(readBefore.keys().next().value!);
  }
  readBefore.set(text, lists);
  return lists;
}

function complain(context: z.RefinementCtx, read: () => void): void {
  try {
    read();
  } catch (error) {
    const known = error instanceof CertificateError ||
      error instanceof RevocationError;
    if (!known) throw error;
    context.addIssue({ code: "custom", message: error.message });
  }
}
