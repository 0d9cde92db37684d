import assert from "node:assert/strict";
import { BASE, problemsOf, warningsOf } from "../testing.ts";
import { base, plus, socket } from "./testing.ts";

const WARNED: readonly [string, string, string][] = [
  [
    "tls_allow_invalid_certs",
    base(
      'host = "new.example.com"',
      'host = "new.example.com"\ntls_allow_invalid_certs = true',
    ),
    "destination.new.tls_allow_invalid_certs: any certificate is accepted",
  ],
  [
    "authorities without TLS",
    `${BASE}[destination.plain]\nhost = "p.test"\ntls_ca_file = "ca.pem"\nprotocol.smtp = {port = 25, tls = "plain"}\n`,
    "destination.plain.tls_ca_file: has no effect: no leg uses TLS",
  ],
  [
    "ignore_client_order",
    plus("[tls.protocols]\nignore_client_order = true"),
    "tls.protocols.ignore_client_order: has no effect",
  ],
  [
    "no certificate",
    BASE.replace(/\[tls[^]*$/, ""),
    "tls.certificate: no certificate is declared",
  ],
  [
    "no listener",
    BASE.replace(/^[^]*?\[destination.old\]/, "[destination.old]"),
    "listener: no listener is declared",
  ],
  [
    "two defaults",
    base(
      'key = "key.pem"',
      'key = "key.pem"\ndefault = true\n[tls.certificate.b]\ncert = "c"\nkey = "k"\ndefault = true',
    ),
    "tls.certificate.b.default: certificate main is the default already",
  ],
  [
    "a runtime socket for every address",
    socket('bind = "*:9999"'),
    "runtime.socket[0].bind: whoever reaches this address may give commands",
  ],
  [
    "proxies with a mapping file each",
    plus('[cluster]\nbus = "redis"\nurl = "redis://host"'),
    "mapping.source: a file is this proxy's own",
  ],
  [
    "capabilities that follow from the state",
    plus('[capabilities.imap]\nadvertise = ["IMAP4rev1", "AUTH=PLAIN"]'),
    "capabilities.imap.advertise[1]: AUTH=PLAIN is added where it applies",
  ],
];

for (const [what, text, says] of WARNED) {
  Deno.test(`rules: warned about: ${what}`, () => {
    assert.deepEqual(problemsOf(text), []);
    const found = warningsOf(text);
    assert.equal(found.length, 1);
    assert.ok(found[0]!.includes(says), found[0]!);
  });
}

Deno.test("rules: a configuration without anything odd has no warnings", () => {
  assert.deepEqual(warningsOf(BASE), []);
});
