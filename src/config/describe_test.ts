import assert from "node:assert/strict";
import { runCheck } from "./describe.ts";
import { BASE, emptyEnv, hostWith, TOKEN } from "./testing.ts";

const TEXT = BASE.replace(/\[tls[^]*$/, "") +
  `[admin]\nbind = "127.0.0.1:9443"\nbearer_token = "${TOKEN}"\n`;

const check = (text: string) =>
  runCheck("c.toml", emptyEnv, hostWith({ "c.toml": text }));

Deno.test("runCheck prints what would be served, and warnings apart", async () => {
  const result = await check(TEXT);
  assert.equal(result.exitCode, 0);
  assert.deepEqual(result.stdout, [
    "listeners",
    "  imap  imap  implicit  127.0.0.1:1993  8192 connections",
    "",
    "destinations",
    "  old (default)",
    "    old  imap  implicit  old.example.com:993  forwarding proxy  verified as old.example.com",
    "  new",
    "    new  imap  starttls  new.example.com:143  forwarding proxy  verified as new.example.com",
    "",
    "certificates",
    "  signed by the local authority (mailferry trust)",
    "",
    "mappings",
    "  file mappings.tsv  normalize none  default destination when the store fails",
    "",
    "management API",
    "  https://127.0.0.1:9443",
    "",
    "c.toml: valid",
  ]);
  assert.equal(result.stderr.length, 1);
  assert.match(result.stderr[0]!, /^warning: c\.toml: tls\.certificate: /);
});

Deno.test("runCheck says which database has the mappings, without its password", async () => {
  const shown: string[] = [];
  for (
    const url of [
      "postgres://proxy:hunter2@db/mail?sslmode=require",
      "mysql://proxy:hunter2@/mail?socket=/run/mysqld.sock",
      "sqlite:///var/lib/routes.db",
    ]
  ) {
    const text = TEXT.replace('"file"', '"sql"') +
      `[mapping.sql]\nurl = "${url}"\nquery = "q"\n`;
    const { stdout } = await check(text);
    shown.push(stdout[stdout.indexOf("mappings") + 1]!.split("  ")[1]!);
  }
  assert.deepEqual(shown, [
    "sql postgres mail at db port 5432, tls require",
    "sql mysql mail at /run/mysqld.sock",
    "sql sqlite /var/lib/routes.db",
  ]);
});

Deno.test("runCheck lists runtime sockets", async () => {
  const { stdout } = await check(
    `${TEXT}[[runtime.socket]]\npath = "/run/s"\n[[runtime.socket]]\nbind = "[::1]:9999"\nlevel = "user"\n`,
  );
  assert.deepEqual(stdout.slice(-5), [
    "runtime sockets",
    "  /run/s      operator  mode 660",
    "  [::1]:9999  user      in clear",
    "",
    "c.toml: valid",
  ]);
});

Deno.test("runCheck lists routes of HTTP", async () => {
  const { stdout } = await check(
    `${TEXT}[[http.route]]\nmatch = "/a"\ndestination = "new"\n${
      [
        'from = "query", param = "user"',
        'from = "body", regex = "(.)"',
      ].map((keys) => `[[http.route]]\nmatch = "/b/**"\nextract = {${keys}}\n`)
        .join("")
    }fallback = "default"\n`,
  );
  assert.deepEqual(stdout.slice(-6), [
    "http routes",
    "  /a     all to new",
    "  /b/**  by query user  others get 404",
    "  /b/**  by body        others to default",
    "",
    "c.toml: valid",
  ]);
});

Deno.test("runCheck says how each leg is trusted, without secrets", async () => {
  const result = await check(
    `${TEXT}[destination.pin]\nhost = "2001:db8::1"\ntls_server_name = "p"\ntls_pinned_cert_sha256 = "${
      "ab".repeat(32)
    }"\nprotocol.imap = {port = 1, tls = "implicit"}\n[destination.open]\nhost = "o"\ntls_allow_invalid_certs = true\nallow_plaintext_auth = true\nprotocol = {imap = {port = 1, tls = "plain"}, pop3 = {port = 2, tls = "starttls"}}\n[destination.own]\nhost = "own.test"\ntls_crl_file = "own.crl"\nprotocol.imap = {port = 1, tls = "implicit"}\n[destination.bare]\nhost = "b"\n`,
  );
  const all = result.stdout.join("\n");
  assert.match(all, /\[2001:db8::1\]:1 .*pinned to abababababab…/);
  assert.match(all, /open +imap .*not encrypted/);
  assert.match(all, /open +pop3 .*certificate not verified/);
  assert.match(all, /own +imap .*verified as own\.test, not in own\.crl/);
  assert.match(all, /bare: no legs/);
  assert.ok(!all.includes(TOKEN));
});

Deno.test("runCheck exits with 78 and all problems", async () => {
  const result = await check(`${TEXT}[server]\nthread = 1\nproxy_ttl = 999\n`);
  assert.equal(result.exitCode, 78);
  assert.deepEqual(result.stdout, []);
  assert.equal(
    result.stderr.filter((line) => line.startsWith("c.toml:2")).length,
    2,
  );
  assert.equal(result.stderr.at(-1), "c.toml: 2 problems");
  assert.equal(
    (await runCheck("no.toml", emptyEnv, hostWith({}))).exitCode,
    78,
  );
});
