import assert from "node:assert/strict";
import { envOf, problemsOf, TOKEN } from "../testing.ts";
import { plus, testRules } from "./testing.ts";

function token(name: string, role: string): string {
  const hash = "ab".repeat(32);
  return `[[admin.token]]\nname = "${name}"\nrole = "${role}"\nhash = "sha256:${hash}"\n`;
}

testRules([
  {
    rule: "a SASL mechanism is known",
    bad: plus('[capabilities.pop3]\nsasl = ["PLAIN", "CRAM-MD5"]'),
    says: ["capabilities.pop3.sasl[1]: unknown SASL mechanism", '"CRAM-MD5"'],
    good: plus('[capabilities.pop3]\nsasl = ["plain", "XOAUTH2"]'),
  },
  {
    rule: "a SASL mechanism is named once",
    bad: plus('[capabilities.imap]\nsasl = ["PLAIN", "LOGIN", "plain"]'),
    says: ["capabilities.imap.sasl[2]: PLAIN is named twice"],
    good: plus("[capabilities.imap]\nsasl = []"),
  },
  {
    rule: "the management API has a token",
    bad: plus('[admin]\nbind = "127.0.0.1:0"'),
    says: ["admin: a token is required"],
    good: plus(`[admin]\nbind = "127.0.0.1:0"\nbearer_token = "${TOKEN}"`),
  },
  {
    rule: "the token is long enough",
    bad: plus(
      `[admin]\nbind = "127.0.0.1:0"\nmin_token_len = 33\nbearer_token = "${TOKEN}"`,
    ),
    says: [
      "admin.bearer_token: is too short: 32 characters, min_token_len is 33",
    ],
    good: plus(
      '[admin]\nbind = "127.0.0.1:0"\nmin_token_len = 3\nbearer_token = "abc"',
    ),
  },
  {
    rule: "the token can travel in a header",
    bad: plus(`[admin]\nbind = "127.0.0.1:0"\nbearer_token = "${TOKEN} x"`),
    says: ["admin.bearer_token: must have visible ASCII characters only"],
    good: plus(`[admin]\nbind = "127.0.0.1:0"\nbearer_token = "${TOKEN}~!"`),
  },
  {
    rule: "somebody is an admin",
    bad: plus(`[admin]\nbind = "127.0.0.1:0"\n${token("a", "operator")}`),
    says: ["admin: a token is required"],
    good: plus(`[admin]\nbind = "127.0.0.1:0"\n${token("a", "admin")}`),
  },
  {
    rule: "tokens are told apart by name",
    bad: plus(
      `[admin]\nbind = "127.0.0.1:0"\n${token("a", "admin")}${
        token("a", "viewer")
      }`,
    ),
    says: ["admin.token[1].name: a is named twice"],
    good: plus(
      `[admin]\nbind = "127.0.0.1:0"\n${token("a", "admin")}${
        token("b", "viewer")
      }`,
    ),
  },
  {
    rule: "the token of [admin] itself keeps its name",
    bad: plus(`[admin]\nbind = "127.0.0.1:0"\n${token("admin", "admin")}`),
    says: ["admin.token[0].name: admin is the token of bearer_token"],
    good: plus(`[admin]\nbind = "127.0.0.1:0"\n${token("a", "admin")}`),
  },
  {
    rule: "a token is in a file or a hash",
    bad: plus(
      `[admin]\nbind = "127.0.0.1:0"\n${token("a", "admin")}file = "f"\n`,
    ),
    says: ["admin.token[0]: has file and hash"],
    good: plus(`[admin]\nbind = "127.0.0.1:0"\n${token("a", "admin")}`),
  },
  {
    rule: "a token's hash is a SHA-256",
    bad: plus(
      `[admin]\nbind = "127.0.0.1:0"\n${
        token("a", "admin").replace("sha256:", "sha256:0")
      }`,
    ),
    says: [
      'admin.token[0].hash: must be "sha256:" and the SHA-256 of the token',
    ],
    good: plus(`[admin]\nbind = "127.0.0.1:0"\n${token("a", "admin")}`),
  },
  {
    rule: "[admin] tls is implicit",
    bad: plus(
      `[admin]\nbind = "127.0.0.1:0"\ntls = "starttls"\nbearer_token = "${TOKEN}"`,
    ),
    says: [
      'admin.tls: must be "implicit" because the management API is never served in clear',
    ],
    good: plus(
      `[admin]\nbind = "127.0.0.1:0"\ntls = "implicit"\nbearer_token = "${TOKEN}"`,
    ),
  },
]);

Deno.test("rules: PROXY_ADMIN_TOKEN is a token, and wins over a bad one of the file", () => {
  const text = plus('[admin]\nbind = "127.0.0.1:0"\nbearer_token = "short"');
  assert.deepEqual(
    problemsOf(text, { env: envOf({ PROXY_ADMIN_TOKEN: TOKEN }) }),
    [],
  );
  const [problem] = problemsOf(text, {
    env: envOf({ PROXY_ADMIN_TOKEN: "tiny" }),
  });
  assert.match(problem!, /PROXY_ADMIN_TOKEN is too short/);
});
