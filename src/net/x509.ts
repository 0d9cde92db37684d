/**
 * Reads certificates (RFC 5280 section 4.1). The library that makes them takes a fifth of a second of CPU to
 * load, which is more than all the rest of a start.
 */
import { createHash } from "node:crypto";
import { formatAddress } from "./address.ts";
import {
  childrenOf,
  type DerElement,
  DerError,
  magnitude,
  numbered,
  oidText,
  readElement,
  TAG,
} from "./der.ts";

export interface Certificate {
  /** Without zeros in front. */
  readonly serial: Uint8Array;
  /** A name, as the subject is: x509_names.ts reads them. */
  readonly issuer: DerElement;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly subject: DerElement;
  /** SubjectPublicKeyInfo. */
  readonly publicKey: DerElement;
  readonly extensions: readonly Extension[];
}

export interface Extension {
  readonly oid: string;
  readonly isCritical: boolean;
  readonly value: Uint8Array;
}

/** Of an alternative name that is read here. */
export interface AlternativeName {
  readonly type: "email" | "dns" | "url" | "ip";
  readonly value: string;
}

/** RFC 5280 section 4.2.1.6: tags of the alternative names whose value is text. */
const TEXTS = new Map<number, AlternativeName["type"]>(
  [[0x81, "email"], [0x82, "dns"], [0x86, "url"]],
);
const IP_ADDRESS = 0x87;

const ALTERNATIVE_NAMES = "2.5.29.17";

/** Each certificate of a PEM text. */
export const PEM_CERTIFICATE =
  /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g;

/** The DER of the first certificate of a PEM text. Throws DerError. */
export function certificateDer(pem: string): Uint8Array {
  const [first] = pem.match(PEM_CERTIFICATE) ?? [];
  try {
    return Uint8Array.fromBase64(first!.replace(/-----[A-Z ]+-----/g, ""));
  } catch {
    throw new DerError("no PEM certificate");
  }
}

/** Throws DerError. */
export function readCertificate(der: Uint8Array): Certificate {
  const whole = readElement(der);
  if (whole.whole.length !== der.length) throw new DerError("more behind it");
  const [signed, , signature] = childrenOf(whole);
  if (!signature) throw new DerError("no signature");
  const fields = childrenOf(signed);
  // The version comes first, where it is not 1.
  const at = fields[0]?.tag === numbered(0) ? 1 : 0;
  const [serial, , issuer, validity, subject, publicKey] = fields.slice(at);
  const [notBefore, notAfter] = childrenOf(validity).map(readTime);
  for (const part of [issuer, subject, publicKey]) childrenOf(part);
  if (serial!.tag !== TAG.integer || !notAfter) throw new DerError("cut off");
  return {
    serial: magnitude(serial!),
    issuer: issuer!,
    notBefore: notBefore!,
    notAfter,
    subject: subject!,
    publicKey: publicKey!,
    extensions: readExtensions(fields.find(({ tag }) => tag === numbered(3))),
  };
}

/** `list` is what a certificate has as [3] and a revocation list as [0]. Throws DerError. */
export function readExtensions(list: DerElement | undefined): Extension[] {
  if (!list) return [];
  const [inner] = childrenOf(list, list.tag);
  return childrenOf(inner).map((extension) => {
    const [oid, ...rest] = childrenOf(extension);
    const value = rest.at(-1);
    if (value?.tag !== TAG.octets) throw new DerError("no extension");
    const flag = rest.length > 1 ? rest[0]!.content[0] : 0;
    return {
      oid: oidText(oid),
      isCritical: flag !== 0,
      value: value.content,
    };
  });
}

/** RFC 5280 section 4.1.2.5. Throws DerError. */
export function readTime({ tag, content }: DerElement): Date {
  const digits = new TextDecoder("latin1").decode(content);
  const parts = tag === TAG.utcTime || tag === TAG.generalizedTime
    ? /^(\d\d|\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(digits)
    : null;
  const [, year, month, day, ...time] = parts ?? [];
  const isShort = year?.length === 2;
  if (isShort !== (tag === TAG.utcTime)) throw new DerError("no time");
  const century = isShort ? (Number(year) < 50 ? "20" : "19") : "";
  const date = new Date(`${century}${year}-${month}-${day}T${time.join(":")}Z`);
  if (isNaN(date.getTime())) throw new DerError("no time");
  return date;
}

/** Subject alternative names that are text or an address. Throws DerError. */
export function alternativeNames(
  { extensions }: Pick<Certificate, "extensions">,
): AlternativeName[] {
  const found = extensions.find(({ oid }) => oid === ALTERNATIVE_NAMES);
  if (!found) return [];
  return childrenOf(readElement(found.value)).flatMap(({ tag, content }) => {
    const type = TEXTS.get(tag);
    if (type) return { type, value: new TextDecoder().decode(content) };
    if (tag !== IP_ADDRESS) return [];
    if (content.length !== 4 && content.length !== 16) {
      throw new DerError("no address");
    }
    return { type: "ip" as const, value: formatAddress(content) };
  });
}

/** By which a certificate is known: lower-case hexadecimal. */
export function sha256Of(der: Uint8Array): string {
  return createHash("sha256").update(der).digest("hex");
}
