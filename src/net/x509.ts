/**
 * Reads certificates (RFC 5280 section 4.1) by that part of the X.509 library that knows their shapes. All of it
 * takes a fifth of a second of CPU to load: only who signs needs that (src/pki/).
 */
import { AsnConvert } from "@peculiar/asn1-schema";
import {
  Certificate as Shape,
  id_ce_subjectAltName,
  type Name,
  SubjectAlternativeName,
  type SubjectPublicKeyInfo as PublicKey,
} from "@peculiar/asn1-x509";
import { createHash } from "node:crypto";

export type { PublicKey };

/** The bytes are not what they should be. */
export class X509Error extends Error {
  override readonly name = "X509Error";
}

export interface Certificate {
  /** Without zeros in front. */
  readonly serial: Uint8Array;
  /** x509_names.ts reads it, as the subject. */
  readonly issuer: Name;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly subject: Name;
  readonly publicKey: PublicKey;
  /** Those that are text or an address. */
  readonly alternativeNames: readonly AlternativeName[];
}

export interface AlternativeName {
  readonly type: "email" | "dns" | "url" | "ip";
  readonly value: string;
}

/** Each certificate of a PEM text. */
export const PEM_CERTIFICATE =
  /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g;

/** The DER of the first certificate of a PEM text. Throws X509Error. */
export function certificateDer(pem: string): Uint8Array<ArrayBuffer> {
  const [first] = pem.match(PEM_CERTIFICATE) ?? [];
  return understood(() =>
    Uint8Array.fromBase64(first!.replace(/-----[A-Z ]+-----/g, ""))
  );
}

/** Throws X509Error. */
export function readCertificate(der: Uint8Array<ArrayBuffer>): Certificate {
  return understood(() => {
    const { tbsCertificate: signed } = AsnConvert.parse(der, Shape);
    const { issuer, subject, validity } = signed;
    const serial = new Uint8Array(signed.serialNumber);
    const start = serial.findIndex((octet) => octet !== 0);
    const names = signed.extensions
      ?.find(({ extnID }) => extnID === id_ce_subjectAltName);
    return {
      serial: serial.subarray(start),
      issuer,
      notBefore: dated(validity.notBefore.getTime()),
      notAfter: dated(validity.notAfter.getTime()),
      subject,
      publicKey: signed.subjectPublicKeyInfo,
      alternativeNames: names ? alternativeNames(names.extnValue.buffer) : [],
    };
  });
}

/** The DER of a part that was read. */
export function derOf(part: object): Uint8Array {
  return new Uint8Array(AsnConvert.serialize(part));
}

/** By which a certificate is known: lower-case hexadecimal. */
export function sha256Of(der: Uint8Array): string {
  return createHash("sha256").update(der).digest("hex");
}

/** The library throws errors of many kinds. */
function understood<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw new X509Error("cannot be read", { cause });
  }
}

function dated(date: Date): Date {
  if (isNaN(date.getTime())) throw new X509Error("no time");
  return date;
}

/** RFC 5280 section 4.2.1.6. */
function alternativeNames(der: ArrayBuffer): AlternativeName[] {
  const names = AsnConvert.parse(der, SubjectAlternativeName);
  return [...names].flatMap((name) => {
    const kinds = {
      email: name.rfc822Name,
      dns: name.dNSName,
      url: name.uniformResourceIdentifier,
      ip: name.iPAddress,
    };
    return Object.entries(kinds).flatMap(([type, value]) =>
      value === undefined ? [] : [{ type: type as keyof typeof kinds, value }]
    );
  });
}
