/** The authority as it is kept: one text, so that it is there whole or not at all. */
// The x509 library needs it before its own first line.
import "reflect-metadata";
import {
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
} from "@peculiar/x509";
import { PEM_CERTIFICATE } from "../net/x509.ts";
import {
  ALGORITHM,
  authorityExtensions,
  certificatePem,
  commonName,
  issue,
  type Issuer,
  newKeys,
  privateKeyPem,
  readIssuer,
  serialNumber,
  validity,
} from "./certificates.ts";

export const AUTHORITY_NAME = "mailferry Local Authority";

/** Whoever trusts the root has to be asked again when it ends: that is not often. */
const ROOT_DAYS = 3650;

/** Nobody trusts it but by the root, so it may change often. */
const INTERMEDIATE_DAYS = 90;

/** Root and intermediate, which it signs; the intermediate signs everything else. */
export interface Chain {
  readonly root: Issuer;
  readonly intermediate: Issuer;
}

export async function createChain(now: Date): Promise<Chain> {
  const keys = await newKeys();
  const certificate = await X509CertificateGenerator.createSelfSigned({
    ...validity(now, ROOT_DAYS),
    serialNumber: serialNumber(),
    name: commonName(`${AUTHORITY_NAME} - ${now.getUTCFullYear()} ECC Root`),
    keys,
    signingAlgorithm: ALGORITHM,
    extensions: [
      ...authorityExtensions(1),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  const root = { certificate, keys };
  return { root, intermediate: await createIntermediate(root, now) };
}

/** Ends no later than its root. */
export async function createIntermediate(
  root: Issuer,
  now: Date,
): Promise<Issuer> {
  const keys = await newKeys();
  const { notBefore, notAfter } = validity(now, INTERMEDIATE_DAYS);
  const end = root.certificate.notAfter;
  const certificate = await issue(root, keys, {
    name: `${AUTHORITY_NAME} - ECC Intermediate`,
    notBefore,
    notAfter: notAfter < end ? notAfter : end,
    extensions: authorityExtensions(0),
  });
  return { certificate, keys };
}

export async function writeChain(
  { root, intermediate }: Chain,
): Promise<string> {
  const parts = [root, intermediate].map(async ({ certificate, keys }) =>
    certificatePem(certificate) + await privateKeyPem(keys)
  );
  return (await Promise.all(parts)).join("");
}

const KEY = /-----BEGIN PRIVATE KEY-----[^-]+-----END PRIVATE KEY-----/g;

/** Throws where it is not what `writeChain` wrote. */
export async function readChain(text: string): Promise<Chain> {
  const certificates = text.match(PEM_CERTIFICATE) ?? [];
  const keys = text.match(KEY) ?? [];
  if (certificates.length !== 2 || keys.length !== 2) {
    throw new Error("it has not two certificates with their keys");
  }
  const root = await readIssuer(certificates[0]!, keys[0]!);
  const intermediate = await readIssuer(certificates[1]!, keys[1]!);
  const isSigned = await intermediate.certificate.verify({
    publicKey: root.keys.publicKey,
    signatureOnly: true,
  });
  if (!isSigned) throw new Error("its intermediate is not signed by its root");
  return { root, intermediate };
}
