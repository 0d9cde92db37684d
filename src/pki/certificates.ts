/** What all certificates made here have in common: ECDSA P-256, their names, keys and PEM forms. */
// The x509 library needs it before its own first line.
import "reflect-metadata";
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from "@peculiar/x509";
import { isAddress } from "../net/address.ts";
import { DAY } from "./local.ts";

export const ALGORITHM = {
  name: "ECDSA",
  namedCurve: "P-256",
  hash: "SHA-256",
} as const;

/** Clocks of clients that are a little slow. */
const BACKDATED = DAY;

/** A certificate and what it signs with. */
export interface Issuer {
  readonly certificate: X509Certificate;
  readonly keys: CryptoKeyPair;
}

export function newKeys(): Promise<CryptoKeyPair> {
  return crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
}

/** From a day before `now` until `days` after it. */
export function validity(now: Date, days: number) {
  return {
    notBefore: new Date(now.getTime() - BACKDATED),
    notAfter: new Date(now.getTime() + days * DAY),
  };
}

/** RFC 5280 4.1.2.2: positive, unique, at most 20 bytes. */
export function serialNumber(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[0] = (bytes[0]! & 0x3f) | 0x40;
  return bytes.toHex();
}

/** RFC 5280 appendix A.1: a common name has at most 64 characters; names beyond are in the SAN. */
export function commonName(name: string) {
  return [{ CN: [name.slice(0, 64)] }];
}

/** What makes a certificate one of a server by these names, DNS names or addresses. */
export function serverExtensions(names: readonly string[]) {
  return [
    new BasicConstraintsExtension(false, undefined, true),
    new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
    new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
    new SubjectAlternativeNameExtension(
      names.map((value) => ({
        type: isAddress(value) ? "ip" as const : "dns" as const,
        value,
      })),
    ),
  ];
}

/** What makes a certificate one of an authority, with so many authorities below it. */
export function authorityExtensions(below: number) {
  return [
    new BasicConstraintsExtension(true, below, true),
    new KeyUsagesExtension(
      KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign,
      true,
    ),
  ];
}

/** A certificate for `keys` that `issuer` signs. */
export async function issue(
  issuer: Issuer,
  keys: CryptoKeyPair,
  of: Pick<X509Certificate, "notBefore" | "notAfter"> & {
    readonly name: string;
    readonly extensions: ReturnType<typeof serverExtensions>;
  },
): Promise<X509Certificate> {
  return await X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: commonName(of.name),
    issuer: issuer.certificate.subject,
    notBefore: of.notBefore,
    notAfter: of.notAfter,
    signingKey: issuer.keys.privateKey,
    publicKey: keys.publicKey,
    signingAlgorithm: ALGORITHM,
    extensions: [
      ...of.extensions,
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
      await AuthorityKeyIdentifierExtension.create(issuer.keys.publicKey),
    ],
  });
}

export function certificatePem(certificate: X509Certificate): string {
  return `${certificate.toString("pem")}\n`;
}

export async function privateKeyPem(keys: CryptoKeyPair): Promise<string> {
  const der = await crypto.subtle.exportKey("pkcs8", keys.privateKey);
  return `${PemConverter.encode(der, "PRIVATE KEY")}\n`;
}

/** A certificate and the key that belongs to it. Throws where one cannot be read or they do not. */
export async function readIssuer(
  certPem: string,
  keyPem: string,
): Promise<Issuer> {
  const certificate = new X509Certificate(certPem);
  const [der] = PemConverter.decode(keyPem);
  const privateKey = await crypto.subtle.importKey(
    "pkcs8",
    der!,
    ALGORITHM,
    true,
    ["sign"],
  );
  const publicKey = await certificate.publicKey.export(ALGORITHM, ["verify"]);
  const proof = new Uint8Array(32);
  const signature = await crypto.subtle.sign(ALGORITHM, privateKey, proof);
  if (!await crypto.subtle.verify(ALGORITHM, publicKey, signature, proof)) {
    throw new Error("a key does not belong to its certificate");
  }
  return { certificate, keys: { privateKey, publicKey } };
}
