/** Reads certificate revocation lists (RFC 5280 section 5) into what workers look certificates up in. */
import { AsnConvert } from "@peculiar/asn1-schema";
import { CertificateList, type Extension } from "@peculiar/asn1-x509";
import { Buffer } from "node:buffer";
import { createPublicKey, verify } from "node:crypto";
import type { RevocationFile } from "../config/resources.ts";
import {
  childrenOf,
  type DerElement,
  DerError,
  elements,
  magnitude,
  numbered,
  readElement,
  TAG,
} from "../net/der.ts";
import {
  type Certificate,
  certificateDer,
  derOf,
  readCertificate,
} from "../net/x509.ts";
import { nameText } from "../net/x509_names.ts";
import type { RevocationList } from "../port/snapshot.ts";

/** A file of lists cannot be used; the message says why. */
export class RevocationError extends Error {
  override readonly name = "RevocationError";
}

const PEM_LIST = /-----BEGIN X509 CRL-----([\s\S]*?)-----END X509 CRL-----/g;

/** id-ce-issuingDistributionPoint (RFC 5280 section 5.2.5). */
const ISSUING_POINT = "2.5.29.28";

/** Longer ones are not allowed (RFC 5280 section 4.1.2.2), and would be in nobody's certificate. */
const MAX_SERIAL = 20;

/**
 * The lists of a file, PEM with one or several or DER with one. `authorities` (PEM) are those that
 * may have signed them. Throws RevocationError.
 */
export function readRevocationLists(
  file: Uint8Array,
  authorities: readonly string[],
  now = Date.now(),
): RevocationFile {
  const encoded = file[0] === TAG.sequence ? [file] : fromPem(file);
  if (encoded.length === 0) {
    throw new RevocationError("has no certificate revocation list");
  }
  const signers = authorities.map((pem) =>
    readCertificate(certificateDer(pem))
  );
  const warnings: string[] = [];
  const lists = encoded.map((der, index) => {
    try {
      return readList(der, signers, now, warnings);
    } catch (error) {
      const which = encoded.length === 1 ? "the list" : `list ${index + 1}`;
      if (error instanceof RevocationError) {
        throw new RevocationError(`${which} ${error.message}`);
      }
      throw new RevocationError(`${which} cannot be read`);
    }
  });
  return { lists, warnings };
}

function fromPem(file: Uint8Array): Uint8Array[] {
  const text = new TextDecoder("latin1").decode(file);
  return [...text.matchAll(PEM_LIST)].map(([, base64]) =>
    Buffer.from(base64!, "base64")
  );
}

function readList(
  der: Uint8Array,
  signers: readonly Certificate[],
  now: number,
  warnings: string[],
): RevocationList {
  const [signed, algorithm, signature] = childrenOf(readElement(der));
  const fields = childrenOf(signed);
  const at = placeOfEntries(fields);
  const entries = fields[at]?.tag === TAG.sequence ? fields[at] : undefined;
  // The library would make several objects of each entry, and refuses very many.
  const head = AsnConvert.parse(
    sequence([
      sequence(fields.filter((field) => field !== entries).map((f) => f.whole)),
      algorithm!.whole,
      signature!.whole,
    ]),
    CertificateList,
  );
  const { issuer, thisUpdate, nextUpdate, crlExtensions } = head.tbsCertList;
  const name = nameText(issuer);
  const key = derOf(issuer).toHex();
  const named = signers.filter(({ subject }) => derOf(subject).toHex() === key);
  if (named.length === 0) {
    warnings.push(
      `the signature of the list of ${name} is not checked: none of the authorities has its name`,
    );
  } else if (!named.some((signer) => isSigned(signer, head, signed!.whole))) {
    throw new RevocationError(`is not signed by ${name}`);
  }
  const due = nextUpdate?.getTime();
  if (due && due.getTime() < now) {
    warnings.push(
      `the list of ${name} ran out on ${
        due.toISOString().slice(0, 10)
      }: what was revoked later is not known`,
    );
  }
  return {
    issuer: key,
    issued: thisUpdate.getTime().getTime(),
    ...(due && { due: due.getTime() }),
    serials: entries ? serialsOf(entries) : new Map(),
    points: pointsOf(crlExtensions ?? []),
  };
}

/** Behind version, signature, issuer, thisUpdate and nextUpdate, of which the first and the last may be absent. */
function placeOfEntries(fields: readonly DerElement[]): number {
  let at = fields[0]?.tag === TAG.integer ? 4 : 3;
  const tag = fields[at]?.tag;
  if (tag === TAG.utcTime || tag === TAG.generalizedTime) at++;
  return at;
}

function sequence(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const content = Buffer.concat(parts);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(content.length);
  return new Uint8Array(
    Buffer.concat([Uint8Array.of(TAG.sequence, 0x84), length, content]),
  );
}

/** Hashes of signature algorithms (RFC 3279, 4055, 5758 and 8410); null where the algorithm has its own. */
const HASHES = new Map<string, string | null>([
  ["1.2.840.113549.1.1.5", "sha1"],
  ["1.2.840.113549.1.1.11", "sha256"],
  ["1.2.840.113549.1.1.12", "sha384"],
  ["1.2.840.113549.1.1.13", "sha512"],
  ["1.2.840.10045.4.1", "sha1"],
  ["1.2.840.10045.4.3.2", "sha256"],
  ["1.2.840.10045.4.3.3", "sha384"],
  ["1.2.840.10045.4.3.4", "sha512"],
  ["1.3.101.112", null],
  ["1.3.101.113", null],
]);

/** False also where the algorithm is not known here. */
function isSigned(
  { publicKey }: Certificate,
  { signatureAlgorithm, signature }: CertificateList,
  signed: Uint8Array,
): boolean {
  const hash = HASHES.get(signatureAlgorithm.algorithm);
  if (hash === undefined) return false;
  const key = createPublicKey({
    key: Buffer.from(derOf(publicKey)),
    format: "der",
    type: "spki",
  });
  try {
    return verify(hash, signed, key, Buffer.from(signature));
  } catch {
    return false;
  }
}

function serialsOf(entries: DerElement): Map<number, Uint8Array> {
  const byLength = new Map<number, Uint8Array[]>();
  for (const entry of elements(entries.content)) {
    const serial = magnitude(readElement(entry.content));
    if (serial.length > MAX_SERIAL) continue;
    const others = byLength.get(serial.length);
    if (others) others.push(serial);
    else byLength.set(serial.length, [serial]);
  }
  return new Map(
    [...byLength].map(([width, serials]) => {
      const sorted = new Uint8Array(width * serials.length);
      serials.sort(Buffer.compare).forEach((serial, i) =>
        sorted.set(serial, i * width)
      );
      return [width, sorted];
    }),
  );
}

/**
 * The places that the list speaks for alone; none: for everything that its issuer signed. Throws
 * where it is a part that cannot be told from the whole.
 */
function pointsOf(extensions: readonly Extension[]): Uint8Array[] {
  const points: Uint8Array[] = [];
  for (const { extnID, critical, extnValue } of extensions) {
    if (extnID === ISSUING_POINT) {
      points.push(...issuingPoints(new Uint8Array(extnValue.buffer)));
    } else if (critical) {
      throw new RevocationError(
        `has a critical extension that is not known here (${extnID}): a complete list is needed`,
      );
    }
  }
  return points;
}

/** RFC 5280 section 5.2.5: [0] its places, [1] that it is about no authorities; the others leave something out. */
function issuingPoints(value: Uint8Array): Uint8Array[] {
  const parts = childrenOf(readElement(value));
  const USERS_ONLY = 0x81;
  const [place] = parts.filter(({ tag }) => tag === numbered(0));
  if (parts.some((part) => part !== place && part.tag !== USERS_ONLY)) {
    throw new RevocationError(
      "leaves out certificates or reasons, or is about those of other authorities: a complete list is needed",
    );
  }
  if (!place) return [];
  const [names] = childrenOf(place, numbered(0));
  if (names?.tag !== numbered(0)) throw new DerError("not a full name");
  return childrenOf(names, numbered(0)).map(({ whole }) =>
    Uint8Array.from(whole)
  );
}
