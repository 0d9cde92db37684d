/** Whether a backend's certificate was revoked, by the lists that its destination names. */
import { Buffer } from "node:buffer";
import type { RevocationList } from "../port/snapshot.ts";
import { readCertificate } from "./x509.ts";

/** id-ce-cRLDistributionPoints (RFC 5280 section 4.2.1.13). */
const DISTRIBUTION_POINTS = "2.5.29.31";

/** What a list is looked for by, taken out of a certificate. */
interface Leaf {
  /** DER of its issuer's name, in hex. */
  readonly issuer: string;
  readonly serial: Uint8Array;
  /** Value of its extension about distribution points; empty without. */
  readonly points: Buffer;
}

/**
 * What the lists say against a certificate (DER), or null. One that no list speaks of counts as
 * revoked: a list that is missing must not be a way around it.
 */
export function revocationFault(
  certificate: Uint8Array,
  lists: readonly RevocationList[],
): string | null {
  const leaf = readLeaf(certificate);
  const own = lists.filter((list) => speaksOf(list, leaf));
  if (own.length === 0) {
    return "certificate is not covered by tls_crl_file: no list of the authority that signed it";
  }
  return own.some((list) => holds(list, leaf.serial))
    ? `certificate was revoked by its authority (serial number ${leaf.serial.toHex()})`
    : null;
}

function readLeaf(der: Uint8Array): Leaf {
  const { issuer, serial, extensions } = readCertificate(der);
  const points = extensions.find(({ oid }) => oid === DISTRIBUTION_POINTS);
  return {
    issuer: issuer.whole.toHex(),
    serial,
    points: Buffer.from(points?.value ?? []),
  };
}

/** RFC 5280 section 6.3.3 (b): the same issuer, and one of the list's own places where it has any. */
function speaksOf(list: RevocationList, leaf: Leaf): boolean {
  if (list.issuer !== leaf.issuer) return false;
  return list.points.length === 0 ||
    list.points.some((point) => leaf.points.includes(Buffer.from(point)));
}

function holds({ serials }: RevocationList, serial: Uint8Array): boolean {
  const width = serial.length;
  const sorted = serials.get(width);
  if (!sorted) return false;
  let low = 0;
  let high = sorted.length / width;
  while (low < high) {
    const middle = (low + high) >> 1;
    const found = sorted.subarray(middle * width, (middle + 1) * width);
    const order = Buffer.compare(found, serial);
    if (order === 0) return true;
    if (order < 0) low = middle + 1;
    else high = middle;
  }
  return false;
}
