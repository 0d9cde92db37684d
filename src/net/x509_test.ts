import "reflect-metadata";
import assert from "node:assert/strict";
import * as library from "@peculiar/x509";
import {
  certificateDer,
  derOf,
  readCertificate,
  sha256Of,
  X509Error,
} from "./x509.ts";
import { commonNames, nameText, slashedName } from "./x509_names.ts";

const EC = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const RSA = {
  name: "RSASSA-PKCS1-v1_5",
  hash: "SHA-256",
  publicExponent: Uint8Array.of(1, 0, 1),
  modulusLength: 2048,
};

const NAME = new library.Name([
  { C: ["DE"] },
  { O: [{ utf8String: 'Käse, Brot + "Wein" <GmbH>; \\ ' }] },
  { CN: [{ utf8String: "#1" }], E: [{ ia5String: "post@example.com" }] },
  { CN: ["mail.example.com"] },
  { "1.3.6.1.4.1.311.60.2.1.3": ["DE"] },
]);

async function made(
  options: Partial<library.X509CertificateCreateSelfSignedParams> = {},
  algorithm: typeof EC | typeof RSA = EC,
) {
  const keys = await crypto.subtle.generateKey(algorithm, true, [
    "sign",
    "verify",
  ]) as CryptoKeyPair;
  return await library.X509CertificateGenerator.createSelfSigned({
    serialNumber: "00ff01",
    name: NAME,
    keys,
    signingAlgorithm: algorithm,
    notBefore: new Date("1999-12-31T23:59:59Z"),
    notAfter: new Date("2050-01-01T00:00:00Z"),
    ...options,
  });
}

Deno.test("readCertificate reads what the library has written", async () => {
  const names = [
    { type: "dns" as const, value: "*.example.com" },
    { type: "ip" as const, value: "192.0.2.1" },
    { type: "ip" as const, value: "2001:db8::1" },
    { type: "email" as const, value: "post@example.com" },
    { type: "url" as const, value: "https://example.com/" },
  ];
  for (const algorithm of [EC, RSA]) {
    const certificate = await made({
      extensions: [
        new library.BasicConstraintsExtension(true, 1, true),
        new library.SubjectAlternativeNameExtension([
          { type: "dn", value: "CN=nobody" },
          ...names,
        ]),
      ],
    }, algorithm);
    const der = certificateDer(`text\n${certificate.toString("pem")}\n`);
    assert.deepEqual(der, new Uint8Array(certificate.rawData));
    const read = readCertificate(der);
    assert.equal(read.serial.toHex(), "ff01");
    assert.deepEqual(read.notBefore, certificate.notBefore);
    assert.deepEqual(read.notAfter, certificate.notAfter);
    assert.deepEqual(
      derOf(read.publicKey),
      new Uint8Array(certificate.publicKey.rawData),
    );
    assert.deepEqual(derOf(read.issuer), derOf(read.subject));
    assert.deepEqual(read.alternativeNames, names);
    assert.equal(
      sha256Of(der),
      new Uint8Array(await certificate.getThumbprint("SHA-256")).toHex(),
    );
  }
  const plain = readCertificate(
    new Uint8Array((await made({ extensions: [] })).rawData),
  );
  assert.deepEqual(plain.alternativeNames, []);
});

Deno.test("nameText writes a name as RFC 4514 escapes it, in the certificate's order", async () => {
  const certificate = await made();
  const { subject } = readCertificate(new Uint8Array(certificate.rawData));
  assert.equal(
    nameText(subject),
    'C=DE, O=Käse\\, Brot \\+ \\"Wein\\" \\<GmbH\\>\\; \\\\\\ , CN=\\#1+E=post@example.com, CN=mail.example.com, 1.3.6.1.4.1.311.60.2.1.3=DE',
  );
  assert.deepEqual(commonNames(subject), ["#1", "mail.example.com"]);
  assert.equal(
    slashedName(subject),
    '/C=DE/O=Käse, Brot + "Wein" <GmbH>; \\ /CN=#1/E=post@example.com/CN=mail.example.com/1.3.6.1.4.1.311.60.2.1.3=DE',
  );
});

Deno.test("nameText shows nothing that a terminal would act on", async () => {
  const certificate = await made({
    name: new library.Name([{ CN: [{ utf8String: "a\x1b[31m\nb" }] }]),
  });
  const { subject } = readCertificate(new Uint8Array(certificate.rawData));
  assert.equal(nameText(subject), "CN=a\\1B[31m\\0Ab");
});

Deno.test("what is no certificate is a X509Error, whatever is wrong with it", async () => {
  assert.throws(() => certificateDer("hello"), X509Error);
  const pem = (await made()).toString("pem");
  assert.throws(() => certificateDer(pem.replace("MI", "M!")), X509Error);
  const der = new Uint8Array(
    (await made({
      extensions: [
        new library.SubjectAlternativeNameExtension([{
          type: "ip",
          value: "192.0.2.1",
        }]),
      ],
    })).rawData,
  );
  const all = (bytes: Uint8Array<ArrayBuffer>) => {
    const certificate = readCertificate(bytes);
    return [certificate, nameText(certificate.subject)];
  };
  for (let at = 0; at < der.length; at++) {
    assert.throws(() => all(der.subarray(0, at)), X509Error, `cut at ${at}`);
    for (const change of [0x01, 0x80, 0xff]) {
      const changed = Uint8Array.from(der);
      changed[at]! ^= change;
      try {
        all(changed);
      } catch (error) {
        assert.ok(error instanceof X509Error, `octet ${at}: ${error}`);
      }
    }
  }
});
