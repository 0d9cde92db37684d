import assert from "node:assert/strict";
import { parseJson } from "./formats.ts";
import { own } from "./json.ts";
import { Secrets } from "./secrets.ts";

const secrets = new Secrets(new Uint8Array(32));

const DOCUMENT = parseJson(`{
  "@id": "root",
  "admin": {"bind": "127.0.0.1:1", "bearer_token": "hunter2-hunter2"},
  "mapping": {
    "source": "sql",
    "redis": {"url": "redis://:hunter3@db:6379/0"},
    "sql": {"url": "postgres://u@db/x?password=hunter4", "query": "SELECT"}
  },
  "tomorrow": {"api_keys": ["hunter5"]},
  "admin_tokn": "hunter6"
}`);

const shown = JSON.stringify(secrets.redact(DOCUMENT));

Deno.test("Secrets.redact hides every secret and what is not known, and nothing else", () => {
  assert.doesNotMatch(shown, /hunter/);
  assert.match(shown, /"url":"redis:\/\/:<secret:[0-9a-f]{24}>@db:6379\/0"/);
  assert.match(shown, /"sql":\{"url":"<secret:[0-9a-f]{24}>","query":"SELECT"/);
  assert.match(shown, /"@id":"root"/);
  const open = '{"mapping":{"redis":{"url":"redis://db:6379"}}}';
  assert.equal(JSON.stringify(secrets.redact(parseJson(open))), open);
  assert.equal(secrets.redact(null), null);
  const token = [{ name: "a", hash: "hunter7" }];
  assert.doesNotMatch(
    JSON.stringify(secrets.redactAt(["admin", "token"], token)),
    /hunter/,
  );
});

Deno.test("Secrets.restore puts each secret back where its placeholder is", () => {
  const restored = secrets.restore(parseJson(shown), [DOCUMENT]);
  assert.equal(JSON.stringify(restored), JSON.stringify(DOCUMENT));
  const redis = /redis:[^"]*/.exec(shown)![0].replace("@db", "@other");
  const moved = secrets.restore(
    parseJson(`{"mapping": {"redis": {"url": ${JSON.stringify(redis)}}}}`),
    [null, DOCUMENT],
  );
  assert.match(JSON.stringify(moved), /redis:\/\/:hunter3@other:6379/);
  const plain = parseJson('{"admin": {"bearer_token": "new"}}');
  assert.deepEqual(secrets.restore(plain, [DOCUMENT]), plain);
});

Deno.test("Secrets.restore refuses unknown placeholders and those that would be read back", () => {
  const admin = own(JSON.parse(shown), "admin") as { bearer_token: string };
  const known = admin.bearer_token;
  const unknown = known.replace(/[0-9a-f]{24}/, "0".repeat(24));
  for (
    const document of [
      { admin: { bearer_token: unknown } },
      { admin: { bearer_token: `x${known}` } },
      // Copied badly; taken for a token, it would lock everybody out.
      { admin: { bearer_token: known.toUpperCase() } },
      { admin: { bearer_token: known.slice(0, -3) } },
      { server: { hostname: known } },
      { capabilities: { imap: { banner: `hello ${known}` } } },
      { "@id": known },
      { mapping: { redis: { url: `redis://${known}/0` } } },
      { mapping: { redis: { url: `redis://u:${unknown}@db` } } },
    ]
  ) {
    const text = JSON.stringify(document);
    const act = () => secrets.restore(parseJson(text), [DOCUMENT]);
    assert.throws(act, { code: "invalid", message: /placeholder/ }, text);
  }
});

Deno.test("Secrets of another key have other placeholders", () => {
  const other = new Secrets(new Uint8Array(32).fill(1));
  assert.throws(() => other.restore(parseJson(shown), [DOCUMENT]), {
    code: "invalid",
  });
});
