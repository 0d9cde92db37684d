/** A certificate authority of the test's own, and what it signs. ECDSA P-256 throughout. */
import "reflect-metadata";
import * as x509 from "@peculiar/x509";

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const DAY = 86_400_000;
const SERVER_AUTH = "1.3.6.1.5.5.7.3.1";
const CLIENT_AUTH = "1.3.6.1.5.5.7.3.2";

/** What a server needs. */
export interface KeyPair {
  readonly certPem: string;
  readonly keyPem: string;
}

export interface Certificate extends KeyPair {
  /** SHA-256 of the DER form in lower-case hex: what a pin names. */
  readonly sha256: string;
  /** Paths of the two PEM files. */
  readonly certFile: string;
  readonly keyFile: string;
}

/** DER of a certificate's subject in hex: how a revocation list of that authority names it. */
export function nameOf(certPem: string): string {
  const { subjectName } = new x509.X509Certificate(certPem);
  return new Uint8Array(subjectName.toArrayBuffer()).toHex();
}

export class Authority {
  #serial = 2;

  private constructor(
    private readonly folder: string,
    private readonly issuer: string,
    private readonly keys: CryptoKeyPair,
    readonly pem: string,
    /** Path of the authority's own certificate. */
    readonly file: string,
  ) {}

  /** `until`: when it expires, in place of the usual date. */
  static async create(folder: string, until?: Date): Promise<Authority> {
    const issuer = `CN=Test authority ${crypto.randomUUID().slice(0, 8)}`;
    const keys = await newKeys();
    const cert = await x509.X509CertificateGenerator.createSelfSigned({
      ...validity(until),
      serialNumber: "01",
      name: issuer,
      keys,
      extensions: [
        new x509.BasicConstraintsExtension(true, 0, true),
        new x509.KeyUsagesExtension(
          x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign,
          true,
        ),
      ],
    });
    const pem = cert.toString("pem") + "\n";
    const file = `${folder}/ca.pem`;
    await Deno.writeTextFile(file, pem);
    return new Authority(folder, issuer, keys, pem, file);
  }

  /** An end-entity certificate for DNS names and IP addresses; the first is the file name too. */
  issue(
    names: readonly string[],
    options: {
      file?: string;
      usage?: "server" | "client";
      /** Where its revocation list is to be had. */
      listedAt?: string;
      /** When it expires, in place of the usual date. */
      until?: Date;
    } = {},
  ): Promise<Certificate> {
    const usage = options.usage === "client" ? CLIENT_AUTH : SERVER_AUTH;
    const serial = (this.#serial++).toString(16).padStart(2, "0");
    return this.#write(
      options.file ?? names[0]!,
      (publicKey) =>
        x509.X509CertificateGenerator.create({
          ...validity(options.until),
          serialNumber: serial,
          subject: `CN=${names[0]}`,
          issuer: this.issuer,
          publicKey,
          signingKey: this.keys.privateKey,
          extensions: [
            new x509.BasicConstraintsExtension(false, undefined, true),
            new x509.SubjectAlternativeNameExtension(names.map(generalName)),
            new x509.ExtendedKeyUsageExtension([usage]),
            ...options.listedAt === undefined
              ? []
              : [new x509.CRLDistributionPointsExtension([options.listedAt])],
          ],
        }),
    );
  }

  /** A list (PEM) of the certificates that this authority has revoked. */
  async revoke(
    revoked: readonly Certificate[],
    options: { until?: Date; extensions?: x509.Extension[] } = {},
  ): Promise<string> {
    const crl = await x509.X509CrlGenerator.create({
      issuer: this.issuer,
      thisUpdate: new Date(Date.now() - 2 * DAY),
      nextUpdate: options.until ?? new Date(Date.now() + DAY),
      entries: revoked.map(({ certPem }) => ({
        serialNumber: new x509.X509Certificate(certPem).serialNumber,
      })),
      extensions: options.extensions ?? [],
      signingAlgorithm: ALGORITHM,
      signingKey: this.keys.privateKey,
    });
    return x509.PemConverter.encode(crl.rawData, "X509 CRL") + "\n";
  }

  /** What `openssl req -x509` makes: self-signed and marked CA:TRUE. */
  async selfSigned(name: string): Promise<Certificate> {
    const keys = await newKeys();
    return await this.#write(
      `self-${name}`,
      () =>
        x509.X509CertificateGenerator.createSelfSigned({
          ...validity(),
          serialNumber: "01",
          name: `CN=${name}`,
          keys,
          extensions: [
            new x509.BasicConstraintsExtension(true, undefined, true),
            new x509.SubjectAlternativeNameExtension([generalName(name)]),
          ],
        }),
      keys,
    );
  }

  async #write(
    file: string,
    make: (key: CryptoKey) => Promise<x509.X509Certificate>,
    keys?: CryptoKeyPair,
  ): Promise<Certificate> {
    keys ??= await newKeys();
    const cert = await make(keys.publicKey);
    const pkcs8 = await crypto.subtle.exportKey("pkcs8", keys.privateKey);
    const hash = await crypto.subtle.digest("SHA-256", cert.rawData);
    const made: Certificate = {
      certPem: cert.toString("pem") + "\n",
      keyPem: x509.PemConverter.encode(pkcs8, "PRIVATE KEY") + "\n",
      sha256: new Uint8Array(hash).toHex(),
      certFile: `${this.folder}/${file}.pem`,
      keyFile: `${this.folder}/${file}.key`,
    };
    await Deno.writeTextFile(made.certFile, made.certPem);
    await Deno.writeTextFile(made.keyFile, made.keyPem);
    return made;
  }
}

function newKeys(): Promise<CryptoKeyPair> {
  const uses: KeyUsage[] = ["sign", "verify"];
  return crypto.subtle.generateKey(ALGORITHM, true, uses) as Promise<
    CryptoKeyPair
  >;
}

function validity(until = new Date(Date.now() + 7 * DAY)) {
  return {
    notBefore: new Date(until.getTime() - 8 * DAY),
    notAfter: until,
    signingAlgorithm: ALGORITHM,
  };
}

function generalName(name: string): x509.JsonGeneralName {
  return { type: /^[\d.]+$|:/.test(name) ? "ip" : "dns", value: name };
}
