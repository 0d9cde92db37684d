/** An authority as an operator makes one with openssl, that signs and revokes. Needs openssl. */
import type { KeyPair } from "./certs.ts";
import { output } from "./program.ts";

export interface Signed extends KeyPair {
  /** Hexadecimal, as openssl writes it. */
  readonly serial: string;
}

export class OpensslAuthority {
  private constructor(
    readonly folder: string,
    readonly name: string,
    /** Path of the authority's own certificate. */
    readonly file: string,
  ) {}

  /** In a new folder below `parent`, with the curve as openssl names it. */
  static async create(
    parent: string,
    {
      curve = "prime256v1",
      name = `Authority ${crypto.randomUUID()}`,
    }: { curve?: string; name?: string } = {},
  ): Promise<OpensslAuthority> {
    const folder = await Deno.makeTempDir({ dir: parent });
    const made = new OpensslAuthority(folder, name, `${folder}/ca.pem`);
    await Deno.writeTextFile(
      `${folder}/ca.cnf`,
      `[ca]
default_ca = own
[own]
database = ${folder}/index
default_md = sha256
default_crl_days = 30
[req]
distinguished_name = name
[name]
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
`,
    );
    await Deno.writeTextFile(`${folder}/index`, "");
    await openssl(
      ...["req", "-x509", "-nodes", "-days", "30", "-newkey", "ec"],
      ...["-pkeyopt", `ec_paramgen_curve:${curve}`],
      ...["-keyout", `${folder}/ca.key`, "-out", made.file],
      ...["-subj", `/O=Test/CN=${name}`],
      ...["-config", `${folder}/ca.cnf`, "-extensions", "authority"],
    );
    return made;
  }

  /** A server's certificate for a DNS name. */
  async issue(name: string): Promise<Signed> {
    const { folder } = this;
    const base = `${folder}/${crypto.randomUUID()}`;
    await Deno.writeTextFile(
      `${base}.ext`,
      `basicConstraints = critical, CA:FALSE\nsubjectAltName = DNS:${name}\nextendedKeyUsage = serverAuth\n`,
    );
    await openssl(
      ...["req", "-nodes", "-newkey", "ec", "-config", `${folder}/ca.cnf`],
      ...["-pkeyopt", "ec_paramgen_curve:prime256v1", "-subj", `/CN=${name}`],
      ...["-keyout", `${base}.key`, "-out", `${base}.csr`],
    );
    await openssl(
      ...["x509", "-req", "-in", `${base}.csr`, "-days", "30"],
      ...["-CA", this.file, "-CAkey", `${folder}/ca.key`, "-CAcreateserial"],
      ...["-extfile", `${base}.ext`, "-out", `${base}.pem`],
    );
    const serial = await openssl(
      ...["x509", "-in", `${base}.pem`, "-noout", "-serial"],
    );
    return {
      certPem: await Deno.readTextFile(`${base}.pem`),
      keyPem: await Deno.readTextFile(`${base}.key`),
      serial: serial.trim().replace("serial=", ""),
    };
  }

  /** Write a list of these serial numbers; answers its path. */
  async revoke(
    serials: readonly string[],
    ...options: readonly string[]
  ): Promise<string> {
    const { folder } = this;
    const file = `${folder}/${crypto.randomUUID()}.crl`;
    await Deno.writeTextFile(
      `${folder}/index`,
      serials.map((serial) =>
        `R\t400101000000Z\t250101000000Z\t${serial}\tunknown\t/CN=x\n`
      ).join(""),
    );
    await openssl(
      ...["ca", "-gencrl", "-config", `${folder}/ca.cnf`, "-out", file],
      ...["-cert", this.file, "-keyfile", `${folder}/ca.key`, ...options],
    );
    return file;
  }

  /** The same list as DER. */
  async toDer(list: string): Promise<string> {
    await openssl(
      ...["crl", "-in", list, "-outform", "DER", "-out", `${list}.der`],
    );
    return `${list}.der`;
  }
}

const openssl = (...args: string[]) => output("openssl", args);
