import "reflect-metadata";
import assert from "node:assert/strict";
import {
  CRLDistributionPointsExtension,
  Extension,
  X509Certificate,
} from "@peculiar/x509";
import { Buffer } from "node:buffer";
import { Authority, type Certificate } from "../../tests/support/certs.ts";
import { OpensslAuthority } from "../../tests/support/openssl_authority.ts";
import { Ground } from "../../tests/support/proxy_config.ts";
import { needs } from "../../tests/support/requirements.ts";
import { revocationFault } from "../net/revocation.ts";
import { readRevocationLists } from "./revocation_lists.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

const derOf = ({ certPem }: Pick<Certificate, "certPem">) =>
  new Uint8Array(new X509Certificate(certPem).rawData);

/** What a file of lists says against a certificate. */
function fault(
  file: Uint8Array,
  certificate: Pick<Certificate, "certPem">,
  authorities: readonly string[] = [],
): string | null {
  const { lists } = readRevocationLists(file, authorities);
  return revocationFault(derOf(certificate), structuredClone(lists));
}

const REVOKED = /revoked by its authority/;
const NOT_COVERED = /not covered by tls_crl_file/;

Deno.test("a certificate is revoked by the lists of its own authority alone", async () => {
  await using ground = await Ground.create();
  const { authority } = ground;
  const good = await authority.issue(["good.test"]);
  const bad = await authority.issue(["bad.test"]);
  const list = await authority.revoke([bad]);
  const roots = [authority.pem];
  assert.equal(fault(bytes(list), good, roots), null);
  assert.match(fault(bytes(list), bad, roots)!, REVOKED);
  const none = await authority.revoke([]);
  assert.equal(fault(bytes(none), bad, roots), null);

  const other = await Authority.create(await folderIn(ground));
  // The same serial number, of somebody else.
  const theirs = await other.revoke([good]);
  assert.equal(fault(bytes(theirs + none), good, roots), null);
  assert.match(fault(bytes(none + theirs + list), bad, roots)!, REVOKED);
  assert.match(fault(bytes(theirs), good, roots)!, NOT_COVERED);
});

Deno.test("readRevocationLists refuses what is no list, cut off, or signed by another", async () => {
  await using ground = await Ground.create();
  const { authority } = ground;
  const bad = await authority.issue(["bad.test"]);
  const list = await authority.revoke([bad]);
  const der = Buffer.from(list.replace(/-----.*-----/g, ""), "base64");
  const changed = Buffer.from(der);
  // The last octet of the signature.
  changed[changed.length - 1]! ^= 1;
  const forger = await Authority.create(await folderIn(ground));
  const cases: [Uint8Array, RegExp][] = [
    [bytes("hello"), /has no certificate revocation list/],
    [bytes(authority.pem), /has no certificate revocation list/],
    [bytes(list + list.replace("MI", "AA")), /^list 2 cannot be read/],
    [der.subarray(0, 60), /^the list cannot be read/],
    [Uint8Array.of(0x30, 0x84, 0xff, 0xff, 0xff, 0xff), /cannot be read/],
    [Uint8Array.of(0x30, 0), /cannot be read/],
    [changed, /is not signed by CN=Test authority/],
  ];
  for (const [file, message] of cases) {
    assert.throws(
      () => readRevocationLists(file, [authority.pem]),
      (error: Error) =>
        error.name === "RevocationError" &&
        message.test(error.message),
      String(message),
    );
  }
  // Nobody of that name: nothing to check with.
  const { warnings } = readRevocationLists(der, [forger.pem]);
  assert.equal(warnings.length, 1);
  assert.match(warnings[0]!, /^the signature of the list of CN=.* not checked/);
});

Deno.test("a list that has run out still counts, with a warning", async () => {
  await using ground = await Ground.create();
  const { authority } = ground;
  const bad = await authority.issue(["bad.test"]);
  const until = new Date("2026-01-02");
  const list = bytes(await authority.revoke([bad], { until }));
  const { warnings } = readRevocationLists(list, [authority.pem]);
  assert.equal(warnings.length, 1);
  assert.match(warnings[0]!, /ran out on 2026-01-02/);
  assert.match(fault(list, bad)!, REVOKED);
});

Deno.test("a list for certain distribution points says nothing of other certificates", async () => {
  await using ground = await Ground.create();
  const { authority } = ground;
  const url = "http://lists.test/1.crl";
  const here = await authority.issue(["a.test"], { listedAt: url });
  const bad = await authority.issue(["b.test"], { listedAt: url });
  const there = await authority.issue(["c.test"], {
    listedAt: "http://lists.test/2.crl",
  });
  const nowhere = await authority.issue(["d.test"]);
  // An issuing distribution point has the first part of what a certificate says of one.
  const [, , point] = nested(
    new Uint8Array(new CRLDistributionPointsExtension([url]).value),
  );
  const list = await authority.revoke([bad], {
    extensions: [new Extension("2.5.29.28", true, wrapped(0x30, point!))],
  });
  assert.equal(fault(bytes(list), here), null);
  assert.match(fault(bytes(list), bad)!, REVOKED);
  assert.match(fault(bytes(list), there)!, NOT_COVERED);
  assert.match(fault(bytes(list), nowhere)!, NOT_COVERED);
});

Deno.test("a list that leaves something out is refused", async () => {
  await using ground = await Ground.create();
  const { authority } = ground;
  const only = (tag: number) =>
    new Extension(
      "2.5.29.28",
      true,
      wrapped(0x30, Uint8Array.of(tag, 1, 0xff)),
    );
  const good = await authority.issue(["good.test"]);
  const users = await authority.revoke([], { extensions: [only(0x81)] });
  assert.equal(fault(bytes(users), good), null);
  // Authorities only, indirect, attributes only; and the difference to an earlier list.
  const bad = [
    ...[0x82, 0x84, 0x85].map(only),
    new Extension("2.5.29.27", true, Uint8Array.of(2, 1, 1)),
  ];
  for (const extension of bad) {
    const list = await authority.revoke([], { extensions: [extension] });
    assert.throws(() => fault(bytes(list), good), /a complete list is needed/);
  }
});

needs(
  ["openssl"],
  "lists of openssl's making are read, as PEM and DER and with 100,000 entries",
  async () => {
    await using ground = await Ground.create();
    for (const curve of ["prime256v1", "secp384r1"]) {
      const authority = await OpensslAuthority.create(ground.folder, { curve });
      const roots = [await Deno.readTextFile(authority.file)];
      const good = await authority.issue("good.test");
      const bad = await authority.issue("bad.test");
      const many = Array.from(
        { length: curve === "prime256v1" ? 100_000 : 10 },
        (_, i) => `7${(i * 7919).toString(16).toUpperCase().padStart(31, "0")}`,
      );
      const few = ["01", "80", "0100"];
      const list = await authority.revoke([...many, bad.serial, ...few]);
      for (const path of [list, await authority.toDer(list)]) {
        const file = await Deno.readFile(path);
        assert.equal(fault(file, good, roots), null);
        assert.match(fault(file, bad, roots)!, REVOKED);
        const { lists } = readRevocationLists(file, roots);
        const [{ serials }] = lists as [typeof lists[0]];
        const total = serials.values().reduce((sum, s) => sum + s.length, 0);
        // A random serial number may begin with zeros, which are not kept.
        const random = Math.ceil(bad.serial.replace(/^0+/, "").length / 2);
        assert.equal(total, many.length * 16 + random + 1 + 1 + 2);
      }
    }
  },
);

function folderIn({ folder }: Ground): Promise<string> {
  return Deno.makeTempDir({ dir: folder });
}

/** A short element and all that it begins with, outermost first. */
function nested(der: Uint8Array): Uint8Array[] {
  return der.length > 2 ? [der, ...nested(der.subarray(2))] : [];
}

function wrapped(tag: number, content: Uint8Array): Uint8Array<ArrayBuffer> {
  return Uint8Array.of(tag, content.length, ...content);
}
