/** An authority and the two server certificates of a benchmark run. */
import "reflect-metadata";
import * as x509 from "@peculiar/x509";

/** Names in the certificates; clients and legs verify them. */
export const PROXY_NAME = "proxy.bench.test";
export const BACKEND_NAME = "backend.bench.test";

/** Paths of the PEM files. */
export interface Certificates {
  ca: string;
  proxyCert: string;
  proxyKey: string;
  /** Certificate and key in one file, as HAProxy wants it. */
  proxyBoth: string;
  backendCert: string;
  backendKey: string;
}

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const DAY = 86_400_000;

function newKeys(): Promise<CryptoKeyPair> {
  return crypto.subtle.generateKey(ALGORITHM, true, [
    "sign",
    "verify",
  ]) as Promise<CryptoKeyPair>;
}

async function keyPem(keys: CryptoKeyPair): Promise<string> {
  const der = await crypto.subtle.exportKey("pkcs8", keys.privateKey);
  return x509.PemConverter.encode(der, "PRIVATE KEY") + "\n";
}

/** Writes everything into `folder`. ECDSA P-256 throughout. */
export async function makeCertificates(folder: string): Promise<Certificates> {
  const issuer = "CN=Benchmark authority";
  const authority = await newKeys();
  const validity = {
    notBefore: new Date(Date.now() - DAY),
    notAfter: new Date(Date.now() + 7 * DAY),
    signingAlgorithm: ALGORITHM,
  };
  const ca = await x509.X509CertificateGenerator.createSelfSigned({
    ...validity,
    serialNumber: "01",
    name: issuer,
    keys: authority,
    extensions: [new x509.BasicConstraintsExtension(true, 0, true)],
  });
  const paths: Certificates = {
    ca: `${folder}/ca.pem`,
    proxyCert: `${folder}/proxy.pem`,
    proxyKey: `${folder}/proxy.key`,
    proxyBoth: `${folder}/proxy.both.pem`,
    backendCert: `${folder}/backend.pem`,
    backendKey: `${folder}/backend.key`,
  };
  const leaf = async (serial: string, name: string) => {
    const keys = await newKeys();
    const cert = await x509.X509CertificateGenerator.create({
      ...validity,
      serialNumber: serial,
      subject: `CN=${name}`,
      issuer,
      publicKey: keys.publicKey,
      signingKey: authority.privateKey,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.SubjectAlternativeNameExtension([{
          type: "dns",
          value: name,
        }]),
        new x509.ExtendedKeyUsageExtension(["1.3.6.1.5.5.7.3.1"]),
      ],
    });
    return { cert: cert.toString("pem") + "\n", key: await keyPem(keys) };
  };
  const proxy = await leaf("02", PROXY_NAME);
  const backend = await leaf("03", BACKEND_NAME);
  await Deno.writeTextFile(paths.ca, ca.toString("pem") + "\n");
  await Deno.writeTextFile(paths.proxyCert, proxy.cert);
  await Deno.writeTextFile(paths.proxyKey, proxy.key);
  await Deno.writeTextFile(paths.proxyBoth, proxy.cert + proxy.key);
  await Deno.writeTextFile(paths.backendCert, backend.cert);
  await Deno.writeTextFile(paths.backendKey, backend.key);
  return paths;
}
