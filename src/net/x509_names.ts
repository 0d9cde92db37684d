/** Names of subjects and issuers (RFC 5280 section 4.1.2.4) as text. */
import type { AttributeTypeAndValue, Name } from "@peculiar/asn1-x509";

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

/** `C=DE, O=Example, CN=mail.example.com`: the order is the certificate's. */
export function nameText(name: Name): string {
  return [...name].map((set) =>
    [...set].map((part) => `${typeOf(part)}=${escaped(part)}`).join("+")
  ).join(", ");
}

/** `/C=DE/O=Example`, as openssl writes it. */
export function slashedName(name: Name): string {
  return partsOf(name)
    .map((part) => `/${typeOf(part)}=${part.value.toString()}`).join("");
}

/** Its common names. */
export function commonNames(name: Name): string[] {
  return partsOf(name)
    .filter((part) => typeOf(part) === "CN")
    .map(({ value }) => value.toString());
}

/** An array of its own: what the library's arrays are mapped to has their type. */
function partsOf(name: Name): AttributeTypeAndValue[] {
  return [...name].flatMap((set) => [...set]);
}

/** `CN` and the like, or the object identifier of a type that has no short name here. */
function typeOf({ type }: AttributeTypeAndValue): string {
  return TYPES.get(type) ?? type;
}

/** RFC 4514 section 2.4. Control characters too: this goes into logs and to terminals. */
function escaped({ value }: AttributeTypeAndValue): string {
  if (value.anyValue) return `#${value.toString()}`;
  return value.toString()
    .replace(/[,+"\\<>;]|^[ #]| $/g, "\\$&")
    .replace(
      /\p{Cc}/gu,
      (control) =>
        new TextEncoder().encode(control).toHex().toUpperCase()
          .replace(/../g, "\\$&"),
    );
}
