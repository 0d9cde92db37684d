/** Whether a backend's certificate was revoked, by the lists that its destination names. */
import { Buffer } from "node:buffer";
import type { RevocationList } from "../port/snapshot.ts";
import { childrenOf, magnitude, numbered, readElement, TAG } from "./der.ts";

/** id-ce-cRLDistributionPoints, 2.5.29.31 (RFC 5280 section 4.2.1.13), as DER. */
const DISTRIBUTION_POINTS = "0603551d1f";

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

function readLeaf(certificate: Uint8Array): Leaf {
  const [signed] = childrenOf(readElement(certificate));
  const fields = childrenOf(signed);
  // The version comes first, where it is not 1.
  const at = fields[0]?.tag === numbered(0) ? 1 : 0;
  const serial = fields[at]!;
  const extensions = fields.find(({ tag }) => tag === numbered(3));
  const [list] = extensions ? childrenOf(extensions, numbered(3)) : [];
  const points = (list ? childrenOf(list) : [])
    .map((extension) => childrenOf(extension))
    .find(([oid]) => oid!.whole.toHex() === DISTRIBUTION_POINTS)
    ?.find(({ tag }) => tag === TAG.octets);
  return {
    issuer: fields[at + 2]!.whole.toHex(),
    serial: magnitude(serial),
    points: Buffer.from(points?.content ?? []),
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
