// The x509 library needs it before its own first line.
import "reflect-metadata";
import { X509CertificateGenerator } from "@peculiar/x509";
import {
  ALGORITHM,
  certificatePem,
  commonName,
  newKeys,
  privateKeyPem,
  serialNumber,
  serverExtensions,
  validity,
} from "./certificates.ts";
import type { PemPair } from "./local.ts";

/** With the day that it is backdated, the most that Apple's clients accept of a server certificate. */
const VALID_DAYS = 396;

/**
 * A certificate signed by itself: nobody trusts it unasked, but it is a proper server certificate
 * (CA:FALSE, serverAuth), so that it can be pinned. `names` are DNS names or addresses; the first is
 * its subject.
 */
export async function createSelfSigned(
  names: readonly string[],
  now: Date = new Date(),
): Promise<PemPair> {
  const keys = await newKeys();
  const dates = validity(now, VALID_DAYS);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    ...dates,
    serialNumber: serialNumber(),
    name: commonName(names[0] ?? "localhost"),
    keys,
    signingAlgorithm: ALGORITHM,
    extensions: serverExtensions(names),
  });
  return {
    certPem: certificatePem(certificate),
    keyPem: await privateKeyPem(keys),
    notAfter: dates.notAfter,
  };
}
