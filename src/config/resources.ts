/** The step of validation that looks outside the document: files, names, and what the runtime can do. */
import type { RevocationList } from "../port/snapshot.ts";
import { CertificateError, readPair } from "./certificate.ts";
import { adminTokenOf, type Env } from "./environment.ts";
import type { Issues, Path } from "./issues.ts";
import { type DestinationTrust, loadTrust } from "./destination_trust.ts";
import { findLoops } from "./loops.ts";
import { mappingTargetFault } from "./mapping_targets.ts";
import { readNamed, warnOfDates } from "./named_files.ts";
import { tokenFault } from "./rules/dialogue.ts";
import { eachDestination } from "./rules/rule.ts";
import { loadAcls, loadMaps } from "./tables.ts";
import {
  type AdminToken,
  MAIN_TOKEN,
  parseTokenHash,
  tokenDigest,
} from "./tokens.ts";
import type { ConfigDraft } from "./walk.ts";

/** A certificate for listeners, read and checked. */
export interface LoadedCertificate {
  /** NAME of [tls.certificate.NAME]. */
  readonly name: string;
  readonly certPem: string;
  readonly keyPem: string;
  /** Lower-case host names, `*.example.com` or `*`. */
  readonly subjects: readonly string[];
  readonly isDefault: boolean;
  readonly notAfter: Date;
}

/** What a configuration needs from outside, read once. */
export interface Resources {
  readonly certificates: readonly LoadedCertificate[];
  /** Client certificates by destination. */
  readonly clientCertificates: ReadonlyMap<
    string,
    { readonly certPem: string; readonly keyPem: string }
  >;
  /** By destination, for those that have something of their own. */
  readonly trust: ReadonlyMap<string, DestinationTrust>;
  /** The address ranges of each `[acl]`, as they are written. */
  readonly acls: ReadonlyMap<string, readonly string[]>;
  /** The content of each `[map]`. */
  readonly maps: ReadonlyMap<string, ReadonlyMap<string, string>>;
  /** PROXY_ADMIN_TOKEN, or that of the [admin] table itself, where there is one. */
  readonly adminToken: string | undefined;
  /** All who may use the management API; empty without an [admin] table. */
  readonly adminTokens: readonly AdminToken[];
}

/** A file of revocation lists, read. */
export interface RevocationFile {
  readonly lists: readonly RevocationList[];
  /** What is not as it should be, but no reason to do without them. */
  readonly warnings: readonly string[];
}

/** What this step asks of the machine; tests give their own. */
export interface ResourceHost {
  /** Rejects with the reason. */
  readFile(path: string): Promise<string>;
  /** Addresses of a host name; [] when it cannot be resolved now. */
  resolve(host: string): Promise<readonly string[]>;
  localAddresses(): readonly string[];
  /** Whether the runtime connects from the address it is told to. */
  sourceAddressWorks(): Promise<boolean>;
  /**
   * The revocation lists of a file, whose signatures are checked with `authorities` (PEM; those of
   * the host when undefined). Rejects with the reason.
   */
  readRevocations(
    path: string,
    authorities: readonly string[] | undefined,
  ): Promise<RevocationFile>;
  /** Problems of a mapping file, each as `file:line: text`. */
  checkMappings(
    path: string,
    normalize: "none" | "lowercase",
    targetFault: (destination: string) => string | null,
  ): Promise<readonly string[]>;
}

/** Problems and warnings go to `issues`; the result counts only where none were added. */
export async function loadResources(
  draft: ConfigDraft,
  issues: Issues,
  env: Env,
  host: ResourceHost,
): Promise<Resources> {
  const loader = new Loader(draft, issues, host);
  const certificates = await loader.certificates();
  const clientCertificates = await loader.clientCertificates();
  const trust = await loadTrust(draft, issues, host);
  const acls = await loadAcls(draft, issues, host);
  const maps = await loadMaps(draft, issues, host);
  const adminToken = await loader.adminToken(env);
  const adminTokens = await loader.adminTokens(adminToken);
  await loader.mappings();
  await refuseLoops(draft, issues, host);
  await loader.sourceAddresses();
  return {
    certificates,
    clientCertificates,
    trust,
    acls,
    maps,
    adminToken,
    adminTokens,
  };
}

/** Destinations that are listeners of our own. */
export async function refuseLoops(
  draft: ConfigDraft,
  issues: Issues,
  host: Pick<ResourceHost, "resolve" | "localAddresses">,
): Promise<void> {
  const loops = await findLoops(
    draft,
    (name) => host.resolve(name),
    host.localAddresses(),
  );
  for (const { path, listener, bind } of loops) {
    issues.problem(
      path,
      `would connect the proxy to itself: listener ${listener} is bound to ${bind}`,
    );
  }
}

class Loader {
  constructor(
    readonly draft: ConfigDraft,
    readonly issues: Issues,
    readonly host: ResourceHost,
  ) {}

  async certificates(): Promise<LoadedCertificate[]> {
    const loaded: LoadedCertificate[] = [];
    const declared = this.draft.tls?.certificate ?? {};
    let hasDefault = false;
    for (const [name, entry] of Object.entries(declared)) {
      const { cert, key, subjects } = entry ?? {};
      const base = ["tls", "certificate", name];
      const read = await this.#pair(base, ["cert", cert], ["key", key]);
      if (read === null) continue;
      const names = subjects?.map((subject) => subject.toLowerCase()) ??
        read.pair.names;
      const wanted = entry?.default === true || name === "*" ||
        names.includes("*");
      loaded.push({
        name,
        certPem: read.certPem,
        keyPem: read.keyPem,
        subjects: names,
        isDefault: wanted && !hasDefault,
        notAfter: read.pair.notAfter,
      });
      hasDefault ||= wanted;
    }
    return loaded;
  }

  async clientCertificates() {
    const loaded = new Map<string, { certPem: string; keyPem: string }>();
    for (const [name, destination] of eachDestination(this.draft)) {
      const { tls_client_cert: cert, tls_client_key: key } = destination;
      const read = await this.#pair(
        ["destination", name],
        ["tls_client_cert", cert],
        ["tls_client_key", key],
      );
      if (read !== null) {
        loaded.set(name, { certPem: read.certPem, keyPem: read.keyPem });
      }
    }
    return loaded;
  }

  async adminToken(env: Env): Promise<string | undefined> {
    const { admin } = this.draft;
    if (admin === undefined) return undefined;
    const given = adminTokenOf(env);
    if (given !== undefined) return given;
    const file = admin.bearer_token_file;
    if (file === undefined) return admin.bearer_token;
    return await this.#tokenIn(["admin", "bearer_token_file"], file);
  }

  async adminTokens(main: string | undefined): Promise<AdminToken[]> {
    const tokens: AdminToken[] = [];
    if (main !== undefined) {
      const digest = tokenDigest(main);
      tokens.push({ name: MAIN_TOKEN, role: "admin", digest });
    }
    const declared = this.draft.admin?.token ?? [];
    for (const [i, { name, role, file, hash }] of declared.entries()) {
      const path = ["admin", "token", i];
      const digest = await this.#digestOf(path, file, hash);
      if (!name || !role || digest === null) continue;
      // Whose change was it? The audit log could not tell.
      const twin = tokens.find((other) => other.digest === digest);
      if (twin) this.issues.problem(path, `${twin.name} has the same token`);
      else tokens.push({ name, role, digest });
    }
    return tokens;
  }

  async #digestOf(
    path: Path,
    file: string | undefined,
    hash: string | undefined,
  ): Promise<string | null> {
    if (hash !== undefined) return parseTokenHash(hash);
    if (file === undefined) {
      this.issues.problem(
        path,
        "needs file or hash: one of them says the token",
      );
      return null;
    }
    const token = await this.#tokenIn([...path, "file"], file);
    return token === undefined ? null : tokenDigest(token);
  }

  async #tokenIn(path: Path, file: string): Promise<string | undefined> {
    const token = (await readNamed(this.issues, this.host, path, file))?.trim();
    if (token === undefined) return undefined;
    const fault = tokenFault(token, this.draft.admin?.min_token_len);
    if (fault !== null) {
      this.issues.problem(path, `the token in ${file} ${fault}`);
    }
    return token;
  }

  async mappings(): Promise<void> {
    const { mapping } = this.draft;
    const path = mapping?.file?.path;
    if (mapping?.source !== "file" || path === undefined) return;
    const problems = await this.host.checkMappings(
      path,
      mapping.normalize ?? "none",
      mappingTargetFault(this.draft),
    );
    for (const problem of problems) {
      this.issues.problem(["mapping", "file", "path"], problem);
    }
  }

  async sourceAddresses(): Promise<void> {
    const using = eachDestination(this.draft).filter(([, { source_ips }]) =>
      (source_ips ?? []).length > 0
    );
    if (using.length === 0 || await this.host.sourceAddressWorks()) return;
    for (const [name] of using) {
      this.issues.problem(
        ["destination", name, "source_ips"],
        "this runtime cannot choose the address it connects from (a trial over loopback came from another one): remove the key",
      );
    }
  }

  /** Both files of a certificate, checked; null when one is not named or something is wrong. */
  async #pair(
    base: readonly string[],
    [certKey, certFile]: [string, string | undefined],
    [keyKey, keyFile]: [string, string | undefined],
  ) {
    const certPem = certFile === undefined
      ? undefined
      : await readNamed(this.issues, this.host, [...base, certKey], certFile);
    const keyPem = keyFile === undefined
      ? undefined
      : await readNamed(this.issues, this.host, [...base, keyKey], keyFile);
    if (certPem === undefined || keyPem === undefined) return null;
    try {
      const pair = readPair(certPem, keyPem);
      warnOfDates(this.issues, [...base, certKey], certFile!, pair);
      return { certPem, keyPem, pair };
    } catch (error) {
      if (!(error instanceof CertificateError)) throw error;
      const [key, file] = error.part === "cert"
        ? [certKey, certFile]
        : [keyKey, keyFile];
      this.issues.problem([...base, key], `${file} ${error.message}`);
      return null;
    }
  }
}
