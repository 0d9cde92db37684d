/** Certificates and revocation lists in lines, as HAProxy shows them. */
import { createHash } from "node:crypto";
import {
  childrenOf,
  type DerElement,
  magnitude,
  oidText,
  readElement,
} from "../../net/der.ts";
import {
  alternativeNames,
  certificateDer,
  readCertificate,
} from "../../net/x509.ts";
import { nameParts } from "../../net/x509_names.ts";
import type { RevocationList } from "../../port/snapshot.ts";

/** More serial numbers of a list are only counted. */
const SHOWN_SERIALS = 100;

export function certificateLines(pem: string): string[] {
  const der = certificateDer(pem);
  const certificate = readCertificate(der);
  const names = alternativeNames(certificate)
    .map(({ type, value }) => `${type.toUpperCase()}:${value}`);
  const fingerprint = createHash("sha1").update(der).digest("hex");
  return [
    `Serial: ${certificate.serial.toHex().toUpperCase()}`,
    `notBefore: ${moment(certificate.notBefore)}`,
    `notAfter: ${moment(certificate.notAfter)}`,
    `Subject Alternative Name: ${names.join(", ")}`,
    `Algorithm: ${algorithm(certificate.publicKey)}`,
    `SHA1 FingerPrint: ${fingerprint.toUpperCase()}`,
    `Subject: ${slashed(certificate.subject)}`,
    `Issuer: ${slashed(certificate.issuer)}`,
  ];
}

export function revocationLines(list: RevocationList): string[] {
  const name = readElement(Uint8Array.fromHex(list.issuer));
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
    `Issuer: ${slashed(name)}`,
    `Last Update: ${moment(new Date(list.issued))}`,
    `Next Update: ${
      list.due === undefined ? "NONE" : moment(new Date(list.due))
    }`,
    ...(count === 0 ? ["No Revoked Certificates."] : ["Revoked Certificates:"]),
    ...serials.map((serial) => `    Serial Number: ${serial}`),
    ...(more > 0 ? [`    and ${more} more`] : []),
  ];
}

/** `/C=FR/O=Example`. */
function slashed(name: DerElement): string {
  return nameParts(name).flat()
    .map(({ type, value }) => `/${type}=${value}`).join("");
}

/** `Nov 25 16:07:49 2026 GMT`, as openssl writes it. */
function moment(date: Date): string {
  const [, day, month, year, time] = date.toUTCString().split(" ");
  return `${month} ${day!.replace(/^0/, " ")} ${time} ${year} GMT`;
}

const RSA = ["1.2.840.113549.1.1.1", "1.2.840.113549.1.1.10"];

/** RFC 5480 section 2.1.1.1 and RFC 8410 section 3: curves and algorithms. */
const KEYS = new Map([
  ["1.2.840.10045.3.1.7", "EC256"],
  ["1.3.132.0.34", "EC384"],
  ["1.3.132.0.35", "EC521"],
  ["1.3.101.112", "Ed25519"],
  ["1.3.101.113", "Ed448"],
]);

/** `RSA2048` or `EC256`; its object identifier where it has no name here. */
function algorithm(publicKey: DerElement): string {
  const [identifier, bits] = childrenOf(publicKey);
  const [kind, parameters] = childrenOf(identifier);
  const oid = oidText(kind);
  if (RSA.includes(oid)) {
    const [modulus] = childrenOf(readElement(bits!.content.subarray(1)));
    const octets = magnitude(modulus!);
    return `RSA${8 * octets.length - Math.clz32(octets[0]!) + 24}`;
  }
  const curve = parameters && oid === "1.2.840.10045.2.1"
    ? oidText(parameters)
    : oid;
  return KEYS.get(curve) ?? curve;
}
