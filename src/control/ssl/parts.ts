/** Certificates and revocation lists in lines, as HAProxy shows them. */
// The x509 library needs it before its own first line.
import "reflect-metadata";
import {
  Name,
  SubjectAlternativeNameExtension,
  X509Certificate,
} from "@peculiar/x509";
import { createHash } from "node:crypto";
import type { RevocationList } from "../../port/snapshot.ts";

/** More serial numbers of a list are only counted. */
const SHOWN_SERIALS = 100;

export function certificateLines(pem: string): string[] {
  const certificate = new X509Certificate(pem);
  const names = certificate.getExtension(SubjectAlternativeNameExtension)?.names
    .items.map(({ type, value }) => `${type.toUpperCase()}:${value}`) ?? [];
  const fingerprint = createHash("sha1")
    .update(new Uint8Array(certificate.rawData)).digest("hex");
  return [
    `Serial: ${certificate.serialNumber.toUpperCase()}`,
    `notBefore: ${moment(certificate.notBefore)}`,
    `notAfter: ${moment(certificate.notAfter)}`,
    `Subject Alternative Name: ${names.join(", ")}`,
    `Algorithm: ${algorithm(certificate)}`,
    `SHA1 FingerPrint: ${fingerprint.toUpperCase()}`,
    `Subject: ${slashed(certificate.subjectName)}`,
    `Issuer: ${slashed(certificate.issuerName)}`,
  ];
}

export function revocationLines(list: RevocationList): string[] {
  const name = new Name(Uint8Array.fromHex(list.issuer));
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
function slashed(name: Name): string {
  return name.toJSON().flatMap((part) =>
    Object.entries(part).flatMap(([type, values]) =>
      values.map((value) => `/${type}=${value}`)
    )
  ).join("");
}

/** `Nov 25 16:07:49 2026 GMT`, as openssl writes it. */
function moment(date: Date): string {
  const [, day, month, year, time] = date.toUTCString().split(" ");
  return `${month} ${day!.replace(/^0/, " ")} ${time} ${year} GMT`;
}

function algorithm({ publicKey }: X509Certificate): string {
  const { name, modulusLength, namedCurve } = publicKey.algorithm as {
    name: string;
    modulusLength?: number;
    namedCurve?: string;
  };
  if (modulusLength !== undefined) return `RSA${modulusLength}`;
  return namedCurve ? `EC${namedCurve.replace(/\D/g, "")}` : name;
}
