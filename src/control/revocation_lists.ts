/** Reads certificate revocation lists (RFC 5280 section 5) into what workers look certificates up in. */
// The x509 library needs it before its own first line.
import "reflect-metadata";
import { type Extension, X509Certificate, X509Crl } from "@peculiar/x509";
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
  const signers = authorities.map((pem) => new X509Certificate(pem));
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
  signers: readonly X509Certificate[],
  now: number,
  warnings: string[],
): RevocationList {
  const [signed, algorithm, signature] = childrenOf(readElement(der));
  const fields = childrenOf(signed);
  const at = placeOfEntries(fields);
  const entries = fields[at]?.tag === TAG.sequence ? fields[at] : undefined;
  // The library would make several objects of each entry, and refuses very many.
  const head = new X509Crl(sequence([
    sequence(fields.filter((field) => field !== entries).map((f) => f.whole)),
    algorithm!.whole,
    signature!.whole,
  ]));
  const { issuer, nextUpdate } = head;
  const signer = checkSignature(head, signed!.whole, signers);
  if (!signer) {
    warnings.push(
      `the signature of the list of ${issuer} is not checked: none of the authorities has its name`,
    );
  }
  if (nextUpdate && nextUpdate.getTime() < now) {
    warnings.push(
      `the list of ${issuer} ran out on ${
        nextUpdate.toISOString().slice(0, 10)
      }: what was revoked later is not known`,
    );
  }
  return {
    issuer: new Uint8Array(head.issuerName.toArrayBuffer()).toHex(),
    issued: head.thisUpdate.getTime(),
    ...(nextUpdate && { due: nextUpdate.getTime() }),
    serials: entries ? serialsOf(entries) : new Map(),
    points: pointsOf(head.extensions),
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

/** Whether one of the authorities signed; false where none has the issuer's name. Throws where one has, and did not. */
function checkSignature(
  head: X509Crl,
  signed: Uint8Array,
  signers: readonly X509Certificate[],
): boolean {
  const name = Buffer.from(head.issuerName.toArrayBuffer());
  const named = signers.filter((signer) =>
    name.equals(Buffer.from(signer.subjectName.toArrayBuffer()))
  );
  if (named.length === 0) return false;
  // "SHA-256" and the like; absent where the algorithm has a hash of its own.
  const hash = (head.signatureAlgorithm as { hash?: { name: string } }).hash
    ?.name.replace("-", "").toLowerCase();
  const signature = Buffer.from(head.signature);
  const good = named.some(({ publicKey }) => {
    const key = createPublicKey({
      key: Buffer.from(publicKey.rawData),
      format: "der",
      type: "spki",
    });
    try {
      return verify(hash ?? null, signed, key, signature);
    } catch {
      return false;
    }
  });
  if (!good) throw new RevocationError(`is not signed by ${head.issuer}`);
  return true;
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
  for (const { type, critical, value } of extensions) {
    if (type === ISSUING_POINT) {
      points.push(...issuingPoints(new Uint8Array(value)));
    } else if (critical) {
      throw new RevocationError(
        `has a critical extension that is not known here (${type}): a complete list is needed`,
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
