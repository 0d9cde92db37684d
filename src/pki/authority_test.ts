import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import "reflect-metadata";
import {
  BasicConstraintsExtension,
  SubjectAlternativeNameExtension,
  X509Certificate,
} from "@peculiar/x509";
import { LocalAuthority } from "./authority.ts";
import { AUTHORITY_FILE, DAY } from "./local.ts";

const START = new Date("2026-11-22T08:00:00Z");

/** A state directory in memory; `now` is moved by the test. */
function setUp(files = new Map<string, string>()) {
  const time = { now: START };
  const created: [string, boolean][] = [];
  const keeper = {
    failure: null as Error | null,
    read: (name: string) => Promise.resolve(files.get(name) ?? null),
    write(name: string, text: string) {
      if (this.failure) return Promise.reject(this.failure);
      files.set(name, text);
      return Promise.resolve();
    },
  };
  const open = () =>
    new LocalAuthority(
      keeper,
      { created: (...args) => created.push(args) },
      () => time.now,
    );
  return { files, time, created, keeper, open };
}

const later = (days: number) => new Date(START.getTime() + days * DAY);
const days = (certificate: X509Certificate, since = START) =>
  (certificate.notAfter.getTime() - since.getTime()) / DAY;
const isAuthority = (certificate: X509Certificate) =>
  certificate.getExtension(BasicConstraintsExtension)!.ca;
const isSigned = (certificate: X509Certificate, by: X509Certificate) =>
  certificate.verify({ publicKey: by.publicKey, signatureOnly: true });

/** The certificates of a chain. */
const parse = (pem: string) =>
  pem.match(/-----BEGIN[^-]+-----[^-]+-----END[^-]+-----/g)!
    .map((part) => new X509Certificate(part));

Deno.test("LocalAuthority makes root and intermediate once, when it is first asked", async () => {
  const { files, created, open } = setUp();
  const authority = open();
  assert.equal(files.size, 0);
  const [view, same] = await Promise.all([authority.view(), authority.view()]);
  assert.deepEqual(view, same);
  assert.deepEqual(created, [[
    "mailferry Local Authority - 2026 ECC Root",
    false,
  ]]);
  assert.equal(view.id, "local");
  assert.equal(view.name, "mailferry Local Authority");
  const root = new X509Certificate(view.root_certificate);
  const intermediate = new X509Certificate(view.intermediate_certificate);
  assert.equal(root.subject, `CN=${view.root_common_name}`);
  assert.equal(intermediate.subject, `CN=${view.intermediate_common_name}`);
  assert.ok(isAuthority(root) && await isSigned(root, root));
  assert.ok(isAuthority(intermediate) && await isSigned(intermediate, root));
  assert.equal(intermediate.issuer, root.subject);
  assert.equal(days(root), 3650);
  assert.equal(days(intermediate), 90);
  assert.deepEqual(await open().view(), view, "after a restart");
  assert.equal(created.length, 1);
});

Deno.test("LocalAuthority signs the names that it is told, with their chain", async () => {
  const { open } = setUp();
  const authority = open();
  const pair = await authority.issue(["mail.example.com", "192.0.2.1", "::1"]);
  const [leaf, intermediate, ...more] = parse(pair.certPem);
  const view = await authority.view();
  assert.deepEqual(more, []);
  assert.equal(leaf!.subject, "CN=mail.example.com");
  assert.deepEqual(
    leaf!.getExtension(SubjectAlternativeNameExtension)!.names.toJSON(),
    [
      { type: "dns", value: "mail.example.com" },
      { type: "ip", value: "192.0.2.1" },
      { type: "ip", value: "::1" },
    ],
  );
  assert.equal(isAuthority(leaf!), false);
  assert.ok(await isSigned(leaf!, intermediate!));
  assert.equal(leaf!.issuer, intermediate!.subject);
  assert.equal(
    `${intermediate!.toString("pem")}\n`,
    view.intermediate_certificate,
  );
  assert.equal(days(leaf!), 7);
  assert.equal(pair.notAfter.getTime(), later(7).getTime());
  assert.match(pair.keyPem, /^-----BEGIN PRIVATE KEY-----\n/);
  const other = await authority.issue(["mail.example.com"]);
  assert.notEqual(other.keyPem, pair.keyPem);
});

Deno.test("LocalAuthority renews its intermediate before it ends, below the same root", async () => {
  const { time, open, created } = setUp();
  const authority = open();
  const before = await authority.view();
  time.now = later(59);
  assert.deepEqual(await authority.view(), before);
  time.now = later(61);
  const after = await authority.view();
  assert.equal(after.root_certificate, before.root_certificate);
  assert.notEqual(
    after.intermediate_certificate,
    before.intermediate_certificate,
  );
  const [leaf, intermediate] = parse((await authority.issue(["a"])).certPem);
  assert.ok(days(leaf!) < days(intermediate!));
  assert.deepEqual(await open().view(), after, "after a restart");
  assert.equal(created.length, 1);
});

Deno.test("LocalAuthority makes another root before the first one ends", async () => {
  const { time, open, created } = setUp();
  const authority = open();
  const before = await authority.view();
  time.now = later(3600);
  const last = await authority.view();
  assert.equal(last.root_certificate, before.root_certificate);
  assert.equal(days(new X509Certificate(last.intermediate_certificate)), 3650);
  time.now = later(3621);
  const after = await authority.view();
  assert.notEqual(after.root_certificate, before.root_certificate);
  assert.deepEqual(created.at(-1), [after.root_common_name, true]);
});

Deno.test("LocalAuthority uses nothing that it could not keep", async () => {
  const { keeper, files, open, created } = setUp();
  const authority = open();
  keeper.failure = new Error("read-only");
  await assert.rejects(authority.view(), { message: "read-only" });
  assert.deepEqual([files.size, created.length], [0, 0]);
  keeper.failure = null;
  const view = await authority.view();
  assert.deepEqual(await open().view(), view);
});

Deno.test("LocalAuthority does not replace what it cannot read, and says what to do", async () => {
  const one = setUp();
  const other = setUp();
  await Promise.all([one.open().view(), other.open().view()]);
  const [mine, foreign] = [one, other].map(({ files }) =>
    files.get(AUTHORITY_FILE)!.split(/(?<=-----END [A-Z ]+-----\n)/)
  );
  for (
    const text of [
      "",
      "nonsense",
      mine!.slice(0, 3).join(""),
      // Keys, then the intermediate, of another authority.
      [mine![0], foreign![1], mine![2], mine![3]].join(""),
      [mine![0], mine![1], foreign![2], foreign![3]].join(""),
      mine!.join("").replace(/(KEY-----\n.{20}).{4}/, "$1AAAA"),
    ]
  ) {
    const { files, open, created } = setUp(new Map([[AUTHORITY_FILE, text]]));
    await assert.rejects(
      open().view(),
      (error: Error) => {
        assert.match(
          error.message,
          /^the local authority in authority\.pem .* remove it/,
        );
        const key = Buffer.from(mine![1]!).toString().split("\n")[1]!;
        return !error.message.includes(key);
      },
      text.slice(0, 40),
    );
    assert.equal(files.get(AUTHORITY_FILE), text);
    assert.deepEqual(created, []);
  }
});
