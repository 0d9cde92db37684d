// The x509 library needs it before its own first line.
import "reflect-metadata";
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from "@peculiar/x509";
import { isAddress } from "../net/address.ts";

const ALGORITHM = {
  name: "ECDSA",
  namedCurve: "P-256",
  hash: "SHA-256",
} as const;

const DAY = 86_400_000;

/** The most that Apple's clients accept of a server certificate. */
const VALID_DAYS = 397;

/** Clocks of clients that are a little slow. */
const BACKDATED_DAYS = 1;

export interface PemPair {
  readonly certPem: string;
  readonly keyPem: string;
  readonly notAfter: Date;
}

/**
 * A certificate for a listener without one, signed by itself: nobody trusts it unasked, but it is a
 * proper server certificate (CA:FALSE, serverAuth), so that it can be pinned. `names` are DNS names
 * or addresses; the first is its subject.
 */
export async function createSelfSigned(
  names: readonly string[],
  now: Date = new Date(),
): Promise<PemPair> {
  const keys = await crypto.subtle.generateKey(ALGORITHM, true, [
    "sign",
    "verify",
  ]);
  const start = now.getTime() - BACKDATED_DAYS * DAY;
  const notAfter = new Date(start + VALID_DAYS * DAY);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    // RFC 5280 appendix A.1: a common name has at most 64 characters; names beyond are in the SAN.
    name: [{ CN: [(names[0] ?? "localhost").slice(0, 64)] }],
    notBefore: new Date(start),
    notAfter,
    keys,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
      new SubjectAlternativeNameExtension(
        names.map((value) => ({
          type: isAddress(value) ? "ip" as const : "dns" as const,
          value,
        })),
      ),
    ],
  });
  const key = await crypto.subtle.exportKey("pkcs8", keys.privateKey);
  return {
    certPem: certificate.toString("pem") + "\n",
    keyPem: pem("PRIVATE KEY", new Uint8Array(key)),
    notAfter,
  };
}

/** RFC 5280 4.1.2.2: positive, unique, at most 20 bytes. */
function serialNumber(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[0] = (bytes[0]! & 0x3f) | 0x40;
  return bytes.toHex();
}

function pem(label: string, bytes: Uint8Array): string {
  const lines = bytes.toBase64().match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ""]
    .join("\n");
}
