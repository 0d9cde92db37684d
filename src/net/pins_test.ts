import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import type { PeerCertificate } from "node:tls";
import { provablePin, rememberPin } from "./pins.ts";

/** What node:tls says of a certificate, as far as it matters here. */
function certificate(more: object = {}): PeerCertificate {
  return {
    subject: { CN: "backend" },
    issuer: { CN: "backend" },
    valid_from: "Jan  1 00:00:00 2026 GMT",
    valid_to: "Feb  1 00:00:00 2026 GMT",
    raw: Buffer.from("certificate"),
    ...more,
  } as unknown as PeerCertificate;
}

const DURING = Date.UTC(2026, 0, 15);

Deno.test("provablePin gives a self-signed certificate while it is valid", () => {
  assert.equal(provablePin("01"), undefined);
  rememberPin("01", certificate());
  assert.equal(
    provablePin("01", DURING),
    "-----BEGIN CERTIFICATE-----\nY2VydGlmaWNhdGU=\n-----END CERTIFICATE-----\n",
  );
  assert.equal(provablePin("01", Date.UTC(2025, 11, 31)), null);
  assert.equal(provablePin("01", Date.UTC(2026, 1, 2)), null);
});

Deno.test("provablePin gives no certificate that cannot be its own authority", () => {
  rememberPin("02", certificate({ ca: true }));
  rememberPin("03", certificate({ issuer: { CN: "authority" } }));
  assert.equal(provablePin("02", DURING), null);
  assert.equal(provablePin("03", DURING), null);
});
