import assert from "node:assert/strict";
import { createSelfSigned } from "./self_signed.ts";
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  SubjectAlternativeNameExtension,
  X509Certificate,
} from "@peculiar/x509";

Deno.test("createSelfSigned makes a server certificate for its names", async () => {
  const now = new Date("2026-03-01T12:00:00Z");
  const pair = await createSelfSigned(["mail.example.com", "192.0.2.1"], now);
  const certificate = new X509Certificate(pair.certPem);
  assert.equal(certificate.subject, "CN=mail.example.com");
  assert.equal(
    certificate.getExtension(BasicConstraintsExtension)?.ca,
    false,
  );
  const usages = certificate.getExtension(ExtendedKeyUsageExtension)?.usages;
  assert.deepEqual([...usages ?? []], [ExtendedKeyUsage.serverAuth]);
  assert.deepEqual(
    certificate.getExtension(SubjectAlternativeNameExtension)?.names.toJSON(),
    [
      { type: "dns", value: "mail.example.com" },
      { type: "ip", value: "192.0.2.1" },
    ],
  );
  assert.equal(
    certificate.notAfter.getTime() - certificate.notBefore.getTime(),
    397 * 86_400_000,
  );
  assert.deepEqual(certificate.notAfter, pair.notAfter);
});

Deno.test("createSelfSigned serves TLS to a client that trusts it", async () => {
  const pair = await createSelfSigned(["localhost"]);
  const listener = Deno.listenTls({
    hostname: "127.0.0.1",
    port: 0,
    cert: pair.certPem,
    key: pair.keyPem,
  });
  const { port } = listener.addr as Deno.NetAddr;
  const served = listener.accept().then(async (connection) => {
    await connection.write(new TextEncoder().encode("hello"));
    connection.close();
  });
  const client = await Deno.connectTls({
    hostname: "localhost",
    port,
    caCerts: [pair.certPem],
  });
  const buffer = new Uint8Array(16);
  assert.equal(await client.read(buffer), 5);
  await served;
  client.close();
  listener.close();
});
