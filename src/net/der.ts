/** The little of DER (X.690) that certificates and revocation lists need to be looked into. */

/** One element of DER. */
export interface DerElement {
  /** Identifier octet; elements with a tag number over 30 do not occur in X.509. */
  readonly tag: number;
  /** What it holds, without tag and length. */
  readonly content: Uint8Array;
  /** All of it. */
  readonly whole: Uint8Array;
}

/** Tags that X.509 uses. */
export const TAG = {
  integer: 0x02,
  octets: 0x04,
  oid: 0x06,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
} as const;

/** The tag of a constructed element that is numbered by its place: `[n]`. */
export const numbered = (n: number) => 0xa0 + n;

/** The bytes are not DER. */
export class DerError extends Error {
  override readonly name = "DerError";
}

/** The element that `bytes` begin with. Throws DerError. */
export function readElement(bytes: Uint8Array): DerElement {
  const tag = bytes[0];
  const short = bytes[1];
  if (tag === undefined || short === undefined) throw new DerError("cut off");
  let length = short;
  let start = 2;
  if (short >= 0x80) {
    const count = short - 0x80;
    // Nothing here is over 4 GiB; 0 would be the indefinite length of BER.
    if (count < 1 || count > 4) throw new DerError("no length");
    length = 0;
    for (const octet of bytes.subarray(start, start + count)) {
      length = length * 256 + octet;
    }
    start += count;
  }
  const end = start + length;
  if (end > bytes.length) throw new DerError("cut off");
  return {
    tag,
    content: bytes.subarray(start, end),
    whole: bytes.subarray(0, end),
  };
}

/** The elements that `content` is made of, one after the other. Throws DerError. */
export function* elements(content: Uint8Array): Generator<DerElement> {
  for (let rest = content; rest.length > 0;) {
    const element = readElement(rest);
    yield element;
    rest = rest.subarray(element.whole.length);
  }
}

/** The elements of a constructed one, which must have this tag. Throws DerError. */
export function childrenOf(
  element: DerElement | undefined,
  tag: number = TAG.sequence,
): DerElement[] {
  if (element?.tag !== tag) throw new DerError("something else is here");
  return [...elements(element.content)];
}

/** The octets of an INTEGER without zeros in front, at least one. */
export function magnitude(integer: DerElement): Uint8Array {
  const { content } = integer;
  let start = 0;
  while (start < content.length - 1 && content[start] === 0) start++;
  return content.subarray(start);
}
