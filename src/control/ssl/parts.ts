/** Certificates and revocation lists in lines, as HAProxy shows them. */
import { AsnConvert } from "@peculiar/asn1-schema";
import { Name } from "@peculiar/asn1-x509";
import { createHash } from "node:crypto";
import { childrenOf, magnitude, readElement } from "../../net/der.ts";
import {
  certificateDer,
  type PublicKey,
  readCertificate,
} from "../../net/x509.ts";
import { slashedName } from "../../net/x509_names.ts";
import type { RevocationList } from "../../port/snapshot.ts";

/** More serial numbers of a list are only counted. */
const SHOWN_SERIALS = 100;

export function certificateLines(pem: string): string[] {
  const der = certificateDer(pem);
  const certificate = readCertificate(der);
  const names = certificate.alternativeNames
    .map(({ type, value }) => `${type.toUpperCase()}:${value}`);
  const fingerprint = createHash("sha1").update(der).digest("hex");
  return [
    `Serial: ${certificate.serial.toHex().toUpperCase()}`,
    `notBefore: ${moment(certificate.notBefore)}`,
    `notAfter: ${moment(certificate.notAfter)}`,
    `Subject Alternative Name: ${names.join(", ")}`,
    `Algorithm: ${algorithm(certificate.publicKey)}`,
    `SHA1 FingerPrint: ${fingerprint.toUpperCase()}`,
    `Subject: ${slashedName(certificate.subject)}`,
    `Issuer: ${slashedName(certificate.issuer)}`,
  ];
}

export function revocationLines(list: RevocationList): string[] {
  const name = AsnConvert.parse(Uint8Array.fromHex(list.issuer), Name);
  const serials: string[] = [];
  let count = 0;
  for (const [width, sorted] of list.serials) {
    for (let at = 0; at < sorted.length; at += width) {
      if (count++ >= SHOWN_SERIALS) continue;
      serials.push(sorted.subarray(at, at + width).toHex().toUpperCase());
    }
  }
  const more = count - serials.length;
  return [
    `Issuer: ${slashedName(name)}`,
    `Last Update: ${moment(new Date(list.issued))}`,
    `Next Update: ${
      list.due === undefined ? "NONE" : moment(new Date(list.due))
    }`,
    ...(count === 0 ? ["No Revoked Certificates."] : ["Revoked Certificates:"]),
    ...serials.map((serial) => `    Serial Number: ${serial}`),
    ...(more > 0 ? [`    and ${more} more`] : []),
  ];
}

/** `Nov 25 16:07:49 2026 GMT`, as openssl writes it. */
function moment(date: Date): string {
  const [, day, month, year, time] = date.toUTCString().split(" ");
  return `${month} ${day!.replace(/^0/, " ")} ${time} ${year} GMT`;
}

const RSA = ["1.2.840.113549.1.1.1", "1.2.840.113549.1.1.10"];

/** Algorithms that say all (RFC 8410 section 3), and DER of the curves of the others (RFC 5480 section 2.1.1.1). */
const KEYS = new Map([
  ["1.3.101.112", "Ed25519"],
  ["1.3.101.113", "Ed448"],
  ["06082a8648ce3d030107", "EC256"],
  ["06052b81040022", "EC384"],
  ["06052b81040023", "EC521"],
]);

/** `RSA2048` or `EC256`; its object identifier where it has no name here. */
function algorithm({ algorithm: of, subjectPublicKey }: PublicKey): string {
  if (RSA.includes(of.algorithm)) {
    // RFC 8017 A.1.1: the modulus comes first.
    const [modulus] = childrenOf(readElement(new Uint8Array(subjectPublicKey)));
    const octets = magnitude(modulus!);
    return `RSA${8 * octets.length - Math.clz32(octets[0]!) + 24}`;
  }
  const curve = new Uint8Array(of.parameters ?? []).toHex();
  return KEYS.get(of.algorithm) ?? KEYS.get(curve) ?? of.algorithm;
}
