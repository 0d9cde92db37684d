import assert from "node:assert/strict";
import "reflect-metadata";
import {
  SubjectAlternativeNameExtension,
  X509Certificate,
} from "@peculiar/x509";
import { BASE, configOf, TOKEN } from "../config/testing.ts";
import type { LoadedCertificate } from "../config/resources.ts";
import { DAY } from "../pki/local.ts";
import { SelfMade } from "./self_made.ts";

const START = new Date("2026-11-22T08:00:00Z");
const NONE = { certificates: [] };

function setUp(path: string | null = null) {
  const files = new Map<string, string>();
  const logged: string[] = [];
  const time = { now: START };
  const note = (event: string) => logged.push(event);
  const selfMade = new SelfMade(
    {
      path,
      read: (name) => Promise.resolve(files.get(name) ?? null),
      write: (name, text) => Promise.resolve(void files.set(name, text)),
    },
    { info: note, warn: note },
    () => time.now,
  );
  return { selfMade, files, logged, time };
}

const namesOf = ({ certPem }: { certPem: string }) =>
  new X509Certificate(certPem).getExtension(SubjectAlternativeNameExtension)!
    .names.toJSON().map(({ value }) => value);

const configured = (more = "") =>
  configOf(
    `${BASE}[server]\nhostname = "mail.example.com"\n[admin]\nbind = "192.0.2.7:9443"\nbearer_token = "${TOKEN}"\n${more}`,
  );

Deno.test("SelfMade makes nothing where the configured certificates serve every name", async () => {
  const { selfMade, files, logged } = setUp("/state");
  const one = { isDefault: false } as LoadedCertificate;
  const served = [[one], [one, { ...one, isDefault: true }]];
  for (const certificates of served) {
    assert.equal(
      await selfMade.certificates(configured(), { certificates }),
      null,
    );
  }
  assert.deepEqual([files.size, logged], [0, []]);
  const made = await selfMade.certificates(configured(), {
    certificates: [one, one],
  });
  assert.notEqual(made, null);
  assert.deepEqual(logged, ["authority_created"]);
});

Deno.test("SelfMade signs names of the configuration", async () => {
  const { selfMade } = setUp();
  const named = await selfMade.certificates(configured(), NONE);
  assert.deepEqual(namesOf(named!.listeners), ["mail.example.com"]);
  assert.deepEqual(namesOf(named!.admin), [
    "mail.example.com",
    "localhost",
    "127.0.0.1",
    "::1",
    "192.0.2.7",
  ]);
  for (const bind of ["0.0.0.0:1", "[::]:1", "127.0.0.1:1"]) {
    const config = configOf(
      `${BASE}[admin]\nbind = "${bind}"\nbearer_token = "${TOKEN}"`,
    );
    const bare = await selfMade.certificates(config, NONE);
    assert.deepEqual(namesOf(bare!.listeners), ["localhost"]);
    assert.deepEqual(namesOf(bare!.admin), ["localhost", "127.0.0.1", "::1"]);
  }
});

Deno.test("SelfMade renews when names change and before the end, and says when that is due", async () => {
  const { selfMade, time, logged } = setUp();
  const config = configured();
  const first = await selfMade.certificates(config, NONE);
  assert.deepEqual(await selfMade.certificates(config, NONE), first);
  const other = { ...config, server: { ...config.server, hostname: "b.test" } };
  const renamed = await selfMade.certificates(other, NONE);
  assert.deepEqual(namesOf(renamed!.listeners), ["b.test"]);
  assert.equal(selfMade.isDue, false);
  time.now = new Date(START.getTime() + 2.9 * DAY);
  assert.equal(selfMade.isDue, false);
  time.now = new Date(START.getTime() + 3.1 * DAY);
  assert.equal(selfMade.isDue, true);
  const second = await selfMade.certificates(other, NONE);
  assert.equal(selfMade.isDue, false);
  assert.notEqual(second!.admin.certPem, renamed!.admin.certPem);
  assert.notEqual(second!.listeners.certPem, renamed!.listeners.certPem);
  assert.deepEqual(logged, ["authority_created", "authority_not_kept"]);
});

Deno.test("SelfMade has nothing due that is not in use", async () => {
  const { selfMade, time } = setUp();
  await selfMade.certificates(configured(), NONE);
  time.now = new Date(START.getTime() + 5 * DAY);
  assert.equal(selfMade.isDue, true);
  const one = { isDefault: true } as LoadedCertificate;
  await selfMade.certificates(configured(), { certificates: [one] });
  assert.equal(selfMade.isDue, false);
});

Deno.test("SelfMade knows one authority, and says what is wrong with it", async () => {
  const { selfMade, files } = setUp("/state");
  await assert.rejects(selfMade.view("other"), { code: "unknown" });
  files.set("authority.pem", "broken");
  await assert.rejects(selfMade.view("local"), {
    code: "failed",
    message: /^the local authority in authority\.pem .* cannot be used/,
  });
  files.clear();
  assert.equal((await selfMade.view("local")).id, "local");
});
