import assert from "node:assert/strict";
import type { CertificateSnapshot } from "../port/snapshot.ts";
import { pickCertificate } from "./certificates.ts";

function certificate(
  name: string,
  names: string[],
  isDefault = false,
): CertificateSnapshot {
  return { certPem: name, keyPem: "", names, isDefault };
}

const CERTIFICATES = [
  certificate("exact", ["imap.example.com"]),
  certificate("wildcard", ["*.example.com"]),
  certificate("parent", ["example.org"]),
  certificate("deeper", ["*.eu.example.org"]),
  certificate("default", ["mail.example.net"], true),
  certificate("last", []),
];

Deno.test("pickCertificate goes from exact over wildcard and parent to the default", () => {
  const cases: [string, string][] = [
    ["imap.example.com", "exact"],
    ["IMAP.Example.COM", "exact"],
    ["imap.example.com.", "exact"],
    ["pop.example.com", "wildcard"],
    ["a.b.example.com", "wildcard"],
    ["mail.example.org", "parent"],
    ["mail.eu.example.org", "deeper"],
    ["example.org", "parent"],
    ["elsewhere.test", "default"],
    ["com", "default"],
    ["", "default"],
    [".", "default"],
    ["..", "default"],
  ];
  for (const [name, expected] of cases) {
    assert.equal(pickCertificate(CERTIFICATES, name)?.certPem, expected, name);
  }
});

Deno.test("pickCertificate takes the name * as a default, then the last", () => {
  const star = [certificate("star", ["*"]), ...CERTIFICATES.slice(0, 3)];
  assert.equal(pickCertificate(star, "elsewhere.test")?.certPem, "star");
  assert.equal(pickCertificate(star, "imap.example.com")?.certPem, "exact");
  const none = [...CERTIFICATES.slice(0, 3), certificate("self-signed", [])];
  assert.equal(pickCertificate(none, "elsewhere.test")?.certPem, "self-signed");
});

Deno.test("pickCertificate serves every name with a single certificate", () => {
  const only = [certificate("only", ["mail.example.net"])];
  assert.equal(pickCertificate(only, "elsewhere.test")?.certPem, "only");
  assert.equal(pickCertificate(only, "")?.certPem, "only");
  assert.equal(pickCertificate([], "any"), null);
});
