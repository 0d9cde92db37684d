/** The three kinds of entries, over what is served and the overrides that replace it. */
import {
  type AuthorityEntry,
  readAuthorities,
} from "../../config/authorities.ts";
import { CertificateError, readPair } from "../../config/certificate.ts";
import { datesFault } from "../../config/named_files.ts";
import type { DestinationTrust } from "../../config/destination_trust.ts";
import type { Json } from "../../config/document/json.ts";
import { PEM_CERTIFICATE } from "../../net/x509.ts";
import type { RevocationList } from "../../port/snapshot.ts";
import { ControlError } from "../api.ts";
import type { OverrideControl } from "../api_overrides.ts";
import { type CertificateValue, trustRefusal } from "../overrides/tls_kinds.ts";
import { readRevocationLists, RevocationError } from "../revocation_lists.ts";
import type { Served } from "../served.ts";
import type { SslEntry, SslFamily } from "./family.ts";
import { certificateLines, revocationLines } from "./parts.ts";

/** What the families work on. */
export interface SslGround {
  /** With everything that was set laid over it. */
  served(): Served;
  readonly overrides: Pick<OverrideControl, "change">;
  /** PEM of the authorities that the host trusts. */
  hostAuthorities(): readonly string[];
}

const PRIVATE_KEY =
  /-----BEGIN ([A-Z]+ )?PRIVATE KEY-----[\s\S]*?-----END ([A-Z]+ )?PRIVATE KEY-----/;

export function certificates(ground: SslGround): SslFamily<CertificateValue> {
  return {
    words: {
      one: "certificate",
      transaction: "certificate",
      created: (name) => `New empty certificate store '${name}'!`,
    },
    entries() {
      const { config, resources } = ground.served();
      return resources.certificates.map(({ name, certPem, keyPem }) => ({
        name,
        file: config.tls.certificate[name]?.cert ?? null,
        material: { cert: certPem, key: keyPem },
      }));
    },
    refusal: () => null,
    read(_names, payload, before) {
      const cert = payload.match(PEM_CERTIFICATE)?.join("\n");
      const key = PRIVATE_KEY.exec(payload)?.[0];
      if (cert === undefined && key === undefined) {
        throw new ControlError("invalid", "Can't load the payload");
      }
      return {
        cert: cert === undefined ? before?.cert ?? "" : `${cert}\n`,
        key: key === undefined ? before?.key ?? "" : `${key}\n`,
      };
    },
    incomplete({ cert, key }) {
      if (cert === "" || key === "") {
        return "The transaction must contain at least a certificate and a private key!";
      }
      try {
        readPair(cert, key);
        return null;
      } catch (error) {
        if (!(error instanceof CertificateError)) throw error;
        const part = error.part === "cert" ? "The certificate" : "The key";
        return `${part} ${error.message}!`;
      }
    },
    oddity({ cert, key }) {
      const fault = datesFault(readPair(cert, key));
      return fault && `The certificate ${fault}.`;
    },
    ...overridden(ground, "certificate", ({ cert, key }) => ({ cert, key })),
    summary: () => "",
    parts({ cert }) {
      const [leaf] = cert.match(PEM_CERTIFICATE) ?? [];
      return leaf === undefined ? [] : [certificateLines(leaf)];
    },
  };
}

/** A bundle, and what is in it. */
export interface Authorities {
  readonly pem: string;
  readonly entries: readonly AuthorityEntry[];
}

export function authorities(ground: SslGround): SslFamily<Authorities> {
  return {
    words: {
      one: "CA file",
      transaction: "CA",
      created: (name) => `New CA file created '${name}'!`,
    },
    entries: () =>
      destinations(
        ground,
        "tls_ca_file",
        ({ authorities }) => authorities && bundle(authorities.join("\n")),
      ),
    refusal: (name) => trustRefusal(ground.served().config, name),
    read: (_names, payload) => bundle(payload),
    incomplete: () => null,
    ...overridden(ground, "ca-file", ({ pem }) => pem),
    summary: ({ entries }) => ` - ${entries.length} certificate(s)`,
    parts: ({ entries }) =>
      entries.map(({ pem }, i) => [
        `Certificate #${i + 1}:`,
        ...certificateLines(pem),
      ]),
  };
}

/** Lists; `pem` is absent where they are those of the configuration's file. */
export interface Revocations {
  readonly pem?: string;
  readonly lists: readonly RevocationList[];
}

export function revocations(ground: SslGround): SslFamily<Revocations> {
  return {
    words: {
      one: "CRL file",
      transaction: "CRL",
      created: (name) => `New CRL file created '${name}'!`,
    },
    entries: () =>
      destinations(
        ground,
        "tls_crl_file",
        ({ revocations }) => revocations && { lists: revocations },
      ),
    refusal: (name) => trustRefusal(ground.served().config, name),
    read(names, pem) {
      const { trust } = ground.served().resources;
      const bytes = new TextEncoder().encode(pem);
      const read = names.map((name) => {
        const signers = trust.get(name)?.authorities ??
          ground.hostAuthorities();
        return understood(
          RevocationError,
          () => readRevocationLists(bytes, signers),
        );
      });
      return { pem, lists: read[0]!.lists };
    },
    incomplete: () => null,
    ...overridden(ground, "crl-file", ({ pem }) => pem!),
    summary: () => "",
    parts: ({ lists }) =>
      lists.map((list, i) => [
        `Certificate Revocation List #${i + 1}:`,
        ...revocationLines(list),
      ]),
  };
}

function destinations<M>(
  ground: SslGround,
  key: "tls_ca_file" | "tls_crl_file",
  pick: (trust: DestinationTrust) => M | undefined,
): SslEntry<M>[] {
  const { config, resources } = ground.served();
  return [...resources.trust].flatMap(([name, trust]) => {
    const material = pick(trust);
    return material === undefined
      ? []
      : [{ name, file: config.destination[name]?.[key] ?? null, material }];
  });
}

function bundle(text: string): Authorities {
  const entries = understood(CertificateError, () => readAuthorities(text));
  return { pem: `${entries.map(({ pem }) => pem).join("\n")}\n`, entries };
}

/** What `read` throws of this kind is what is wrong with a payload. */
function understood<T>(
  // deno-lint-ignore no-explicit-any
  expected: new (...args: any[]) => Error,
  read: () => T,
): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof expected)) throw error;
    throw new ControlError("invalid", `Invalid payload: ${error.message}`);
  }
}

/** What is put in force as overrides of this kind. */
function overridden<M>(
  { overrides }: SslGround,
  kind: string,
  valueOf: (material: M) => Json,
): Pick<SslFamily<M>, "put" | "remove"> {
  return {
    put: (names, material, by) =>
      overrides.change(
        names.map((key) => ({ kind, key, value: valueOf(material) })),
        by,
      ),
    remove: (key, by) =>
      overrides.change([{ kind, key, value: undefined }], by),
  };
}
