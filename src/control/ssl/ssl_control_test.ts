import "reflect-metadata";
import { PemConverter, X509Certificate } from "@peculiar/x509";
import assert from "node:assert/strict";
import { Authority } from "../../../tests/support/certs.ts";
import { Ground } from "../../../tests/support/proxy_config.ts";
import { openConfig } from "../../config/load.ts";
import { BASE, emptyEnv, hostWith } from "../../config/testing.ts";
import { ControlError } from "../api.ts";
import { Overrides } from "../overrides/overrides.ts";
import { readRevocationLists } from "../revocation_lists.ts";
import { type Served, servedAsIs } from "../served.ts";
import { StateDir } from "../state_dir.ts";
import { SslTransactions } from "./ssl_control.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

/**
 * BASE with a certificate "main" of cert.pem; destination "old" has ca.pem and old.crl, "new" nothing,
 * "third" ca.pem, and "pinned" a pin.
 */
async function stage(ground: Ground) {
  const { authority, certificate } = ground;
  const files: Record<string, string> = {
    "cert.pem": certificate.certPem,
    "key.pem": certificate.keyPem,
    "ca.pem": authority.pem,
    "old.crl": await authority.revoke([]),
  };
  const text = BASE.replace(
    'host = "old.example.com"',
    'host = "old.example.com"\ntls_ca_file = "ca.pem"\ntls_crl_file = "old.crl"',
  ) +
    `[destination.third]\nhost = "third.test"\ntls_ca_file = "ca.pem"\n[destination.pinned]\nhost = "p.test"\ntls_pinned_cert_sha256 = "${
      "ab".repeat(32)
    }"\n`;
  const host = hostWith({ "c.toml": text, ...files }, {
    readRevocations: (path, authorities) =>
      Promise.resolve(readRevocationLists(bytes(files[path]!), authorities!)),
  });
  const opened = await openConfig("c.toml", {
    strict: true,
    env: emptyEnv,
    host,
  });
  assert.ok(opened.ok, JSON.stringify(opened));
  const { config, resources } = opened;
  let served: Served = servedAsIs(config, resources);
  const put = { refused: null as Error | null };
  const overrides: Overrides = new Overrides(
    await StateDir.open(undefined),
    () => ({
      ground: () => ({ config, resources }),
      exclusively: (job) => job(),
      problems: () => Promise.resolve([]),
      async put(next, settle) {
        if (put.refused) throw put.refused;
        await settle();
        served = next;
      },
    }),
  );
  const ssl = new SslTransactions({
    served: () => served,
    overrides,
    hostAuthorities: () => [],
  });
  return { ssl, overrides, put, served: () => served };
}

const refuses = (
  what: () => unknown,
  code: ControlError["code"],
  message: RegExp,
) =>
  assert.rejects(async () => await what(), (error) => {
    assert.ok(error instanceof ControlError, String(error));
    assert.equal(error.code, code);
    assert.match(error.message, message);
    return true;
  });

Deno.test("a certificate that has expired is committed with a word about it", async () => {
  await using ground = await Ground.create();
  const { ssl, served } = await stage(ground);
  const { certPem, keyPem } = await ground.authority.issue(["old.test"], {
    until: new Date("2021-01-01T00:00:00Z"),
  });
  ssl.set("cert", "main", certPem + keyPem);
  assert.equal(
    await ssl.commit("cert", "main", "ops"),
    "Committing main\nThe certificate expired on 2021-01-01.\nSuccess!\n",
  );
  assert.deepEqual(served().resources.certificates[0]!.certPem, certPem);
});

Deno.test("a certificate is replaced when its transaction is committed, and not before", async () => {
  await using ground = await Ground.create();
  const { ssl, served } = await stage(ground);
  const next = await ground.authority.issue(["Next.test"]);
  assert.equal(ssl.show("cert"), "# filename\nmain\n");
  assert.equal(
    ssl.set("cert", "cert.pem", next.certPem + ground.authority.pem),
    "Transaction created for certificate cert.pem!\n",
  );
  assert.equal(
    ssl.show("cert"),
    "# transaction\n*cert.pem\n# filename\nmain\n",
  );
  await refuses(
    () => ssl.commit("cert", "cert.pem", "me"),
    "invalid",
    /^The transaction must contain at least a certificate and a private key!\nCan't commit cert\.pem!$/,
  );
  assert.equal(
    ssl.set("cert", "cert.pem", next.keyPem),
    "Transaction updated for certificate cert.pem!\n",
  );
  const certificateOf = () => served().resources.certificates[0]!;
  assert.equal(certificateOf().certPem, ground.certificate.certPem);
  assert.equal(
    await ssl.commit("cert", "cert.pem", "me"),
    "Committing cert.pem\nSuccess!\n",
  );
  assert.equal(served().resources.certificates.length, 1);
  assert.deepEqual(certificateOf().subjects, ["next.test"]);
  assert.equal(certificateOf().keyPem.trim(), next.keyPem.trim());
  const { serialNumber } = new X509Certificate(next.certPem);
  const shown = ssl.show("cert", "main");
  assert.match(shown, /^Filename: main\nStatus: Used\nSerial: /);
  assert.ok(shown.includes(`Serial: ${serialNumber.toUpperCase()}\n`));
  assert.match(shown, /\nnotAfter: \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4} GMT\n/);
  assert.match(shown, /\nSubject Alternative Name: DNS:Next\.test\n/);
  assert.match(shown, /\nAlgorithm: EC256\n/);
  assert.match(
    shown,
    /\nSubject: \/CN=Next\.test\nIssuer: \/CN=Test authority/,
  );
  assert.ok(!shown.includes("PRIVATE"));
});

Deno.test("a certificate under a new name is added, and can be taken away", async () => {
  await using ground = await Ground.create();
  const { ssl, served, overrides } = await stage(ground);
  const next = await ground.authority.issue(["next.test"]);
  await refuses(
    () => ssl.set("cert", "more", next.certPem),
    "unknown",
    /not referenced by the configuration!\nCan't update more!$/,
  );
  assert.equal(
    ssl.create("cert", "more"),
    "New empty certificate store 'more'!\n",
  );
  assert.equal(ssl.show("cert", "more"), "Filename: more\nStatus: Empty\n");
  ssl.set("cert", "more", next.certPem + next.keyPem);
  await refuses(
    () => ssl.remove("cert", "more", "me"),
    "conflict",
    /in use, can't be deleted!/,
  );
  await ssl.commit("cert", "more", "me");
  assert.equal(ssl.show("cert"), "# filename\nmain\nmore\n");
  assert.deepEqual(
    served().resources.certificates.map(({ subjects }) => subjects[0]),
    ["proxy.test", "next.test"],
  );
  const [view] = overrides.list();
  assert.equal(view!.state, "in-force");
  assert.ok(!JSON.stringify(view).includes("PRIVATE"));
  await refuses(
    () => ssl.create("cert", "more"),
    "conflict",
    /^certificate 'more' already exists!$/,
  );
  assert.equal(
    await ssl.remove("cert", "more", "me"),
    "certificate 'more' deleted!\n",
  );
  assert.equal(served().resources.certificates.length, 1);
  await refuses(
    () => ssl.remove("cert", "main", "me"),
    "conflict",
    /'main' in use, can't be deleted!/,
  );
  await refuses(
    () => ssl.remove("cert", "no", "me"),
    "unknown",
    /doesn't exist/,
  );
});

Deno.test("a transaction that is not ready, refused or of another entry changes nothing", async () => {
  await using ground = await Ground.create();
  const { ssl, served, put } = await stage(ground);
  const next = await ground.authority.issue(["next.test"]);
  const before = served();
  await refuses(
    () => ssl.commit("cert", "main", "me"),
    "unknown",
    /^No ongoing transaction!\nCan't commit main!$/,
  );
  await refuses(() => ssl.abort("cert", "main"), "unknown", /^No ongoing tr/);
  await refuses(
    () => ssl.set("cert", "main", "hello"),
    "invalid",
    /^Can't load the payload\nCan't update main!$/,
  );
  ssl.set("cert", "main", next.certPem + ground.certificate.keyPem);
  await refuses(
    () => ssl.commit("cert", "main", "me"),
    "invalid",
    /^The key does not belong to the certificate!\nCan't commit main!$/,
  );
  await refuses(
    () => ssl.commit("cert", "other", "me"),
    "conflict",
    /^The ongoing transaction is about 'main' but you are trying to commit 'other'/,
  );
  ssl.create("cert", "other");
  await refuses(
    () => ssl.set("cert", "other", next.certPem),
    "conflict",
    /is about 'main' but you are trying to set 'other'\nCan't update other!$/,
  );
  ssl.set("cert", "main", next.keyPem);
  put.refused = new ControlError("failed", "the disk is full");
  await refuses(
    () => ssl.commit("cert", "main", "me"),
    "failed",
    /disk is full/,
  );
  assert.match(
    ssl.show("cert", "*main"),
    /^Filename: \*main\nStatus: Unused\n/,
  );
  assert.equal(
    ssl.abort("cert", "main"),
    "Transaction aborted for certificate 'main'!\n",
  );
  assert.equal(served(), before);
});

Deno.test("authorities named by their file are replaced in every destination that has it", async () => {
  await using ground = await Ground.create();
  const { ssl, served } = await stage(ground);
  const folder = await Deno.makeTempDir({ dir: ground.folder });
  const other = await Authority.create(folder);
  assert.equal(
    ssl.show("ca-file"),
    "# filename\nold - 1 certificate(s)\nthird - 1 certificate(s)\n",
  );
  assert.equal(
    ssl.set("ca-file", "ca.pem", `${other.pem}text\n${ground.authority.pem}`),
    "Transaction created for CA ca.pem!\n",
  );
  assert.match(
    ssl.show("ca-file"),
    /^# transaction\n\*ca\.pem - 2 certificate\(s\)\n# filename\n/,
  );
  assert.match(
    ssl.show("ca-file", "*ca.pem:2"),
    /^Filename: \*ca\.pem\nStatus: Unused\nCertificate #2:\nSerial: 01\n/,
  );
  await ssl.commit("ca-file", "ca.pem", "me");
  const counts = () =>
    ["old", "third", "new"].map((name) =>
      served().resources.trust.get(name)?.authorities?.length
    );
  assert.deepEqual(counts(), [2, 2, undefined]);
  // One alone, by its name, in place of the host's.
  assert.equal(ssl.create("ca-file", "new"), "New CA file created 'new'!\n");
  ssl.set("ca-file", "new", other.pem);
  await ssl.commit("ca-file", "new", "me");
  assert.deepEqual(counts(), [2, 2, 1]);
  await ssl.remove("ca-file", "new", "me");
  assert.deepEqual(counts(), [2, 2, undefined]);

  await refuses(
    () => ssl.set("ca-file", "old", "hello"),
    "invalid",
    /^Invalid payload: has no PEM certificate\nCan't update old!$/,
  );
  await refuses(
    () => ssl.create("ca-file", "pinned"),
    "invalid",
    /destination pinned has a pinned certificate/,
  );
  await refuses(
    () => ssl.create("ca-file", "nobody"),
    "invalid",
    /there is no destination nobody/,
  );
  await refuses(() => ssl.show("ca-file", "no"), "unknown", /Not found!$/);
});

Deno.test("a list must be signed by the destination's own authorities, and is shown with what it revokes", async () => {
  await using ground = await Ground.create();
  const { ssl, served } = await stage(ground);
  const { authority } = ground;
  const bad = await authority.issue(["bad.test"]);
  const { serialNumber } = new X509Certificate(bad.certPem);
  assert.equal(ssl.show("crl-file"), "# filename\nold\n");
  assert.match(
    ssl.show("crl-file", "old"),
    /^Filename: old\nStatus: Used\nCertificate Revocation List #1:\nIssuer: \/CN=Test authority [^]*\nNo Revoked Certificates\.\n$/,
  );
  const list = await authority.revoke([bad]);
  const changed = new Uint8Array(PemConverter.decode(list)[0]!);
  // The last octet of the signature.
  changed[changed.length - 1]! ^= 1;
  const forged = PemConverter.encode(changed.buffer, "X509 CRL");
  await refuses(
    () => ssl.set("crl-file", "old", forged),
    "invalid",
    /^Invalid payload: the list is not signed by CN=.*\nCan't update old!$/,
  );
  assert.equal(
    ssl.set("crl-file", "old.crl", list),
    "Transaction created for CRL old.crl!\n",
  );
  assert.match(
    ssl.show("crl-file", "*old.crl"),
    new RegExp(
      `\nRevoked Certificates:\n    Serial Number: ${serialNumber}\n$`,
      "i",
    ),
  );
  await ssl.commit("crl-file", "old.crl", "me");
  const { revocations, authorities } = served().resources.trust.get("old")!;
  assert.deepEqual([...revocations![0]!.serials.keys()], [1]);
  assert.equal(authorities!.length, 1);
});
