/** Names of subjects and issuers (RFC 5280 section 4.1.2.4) as text. */
import { childrenOf, type DerElement, DerError, oidText, TAG } from "./der.ts";

/** `CN` and what it is, or the object identifier of a type that has no short name here. */
export interface NamePart {
  readonly type: string;
  readonly value: string;
  /** Not text: `value` is its DER in hexadecimal behind `#`, as RFC 4514 section 2.4 has it. */
  readonly isRaw: boolean;
}

/** RFC 4514 section 3, and what else certificates have. */
const TYPES = new Map([
  ["2.5.4.3", "CN"],
  ["2.5.4.4", "SN"],
  ["2.5.4.6", "C"],
  ["2.5.4.7", "L"],
  ["2.5.4.8", "ST"],
  ["2.5.4.10", "O"],
  ["2.5.4.11", "OU"],
  ["2.5.4.12", "T"],
  ["2.5.4.42", "G"],
  ["2.5.4.43", "I"],
  ["0.9.2342.19200300.100.1.25", "DC"],
  ["1.2.840.113549.1.9.1", "E"],
]);

const decoder = (label: string) => new TextDecoder(label, { fatal: true });

/** Types of strings (X.680 section 8.4) by their tag. */
const STRINGS = new Map<number, (content: Uint8Array) => string>([
  [0x0c, (content) => decoder("utf-8").decode(content)],
  // NumericString, PrintableString, TeletexString, IA5String
  ...[0x12, 0x13, 0x14, 0x16].map((tag) =>
    [tag, (content: Uint8Array) => decoder("latin1").decode(content)] as const
  ),
  // BMPString
  [0x1e, (content) => decoder("utf-16be").decode(content)],
]);

/** The parts of a name in their order; those that stand in a set are the inner ones. Throws DerError. */
export function nameParts(name: DerElement): NamePart[][] {
  return childrenOf(name).map((set) =>
    childrenOf(set, TAG.set).map((part) => {
      const [oid, value] = childrenOf(part);
      if (!value) throw new DerError("no value");
      const dotted = oidText(oid);
      return { type: TYPES.get(dotted) ?? dotted, ...valueOf(value) };
    })
  );
}

function valueOf(
  { tag, content, whole }: DerElement,
): Omit<NamePart, "type"> {
  const decode = STRINGS.get(tag);
  if (!decode) return { value: `#${whole.toHex()}`, isRaw: true };
  try {
    return { value: decode(content), isRaw: false };
  } catch {
    throw new DerError("no text");
  }
}

/** `C=DE, O=Example, CN=mail.example.com`: the order is the certificate's. Throws DerError. */
export function nameText(name: DerElement): string {
  return nameParts(name).map((set) =>
    set.map(({ type, value, isRaw }) =>
      `${type}=${isRaw ? value : escaped(value)}`
    ).join("+")
  ).join(", ");
}

/** RFC 4514 section 2.4. Control characters too: this goes into logs and to terminals. */
function escaped(text: string): string {
  return text
    .replace(/[,+"\\<>;]|^[ #]| $/g, "\\$&")
    .replace(
      /\p{Cc}/gu,
      (control) =>
        new TextEncoder().encode(control).toHex().toUpperCase()
          .replace(/../g, "\\$&"),
    );
}

/** Its common names. Throws DerError. */
export function commonNames(name: DerElement): string[] {
  return nameParts(name).flat()
    .filter(({ type }) => type === "CN").map(({ value }) => value);
}
