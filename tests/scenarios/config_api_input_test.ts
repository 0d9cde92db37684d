/** Requests to the configuration API that no well-meaning client sends. */
import assert from "node:assert/strict";
import { routes } from "../../src/admin/routes.ts";
import { tokenDigest } from "../../src/config/tokens.ts";
import { TOKEN } from "../support/proxy_config.ts";
import { outcome } from "../support/program.ts";
import { needs } from "../support/requirements.ts";
import { Stage } from "../support/stage.ts";

const LIMIT = 16 * 1024 * 1024;
const JSON_TYPE = { "content-type": "application/json" };

async function withStage() {
  const stage = await Stage.create();
  const { proxy } = stage;
  const send = (
    method: string,
    path: string,
    body?: BodyInit,
    headers: Record<string, string> = JSON_TYPE,
  ) =>
    proxy.admin(method, path, {
      headers,
      ...(body !== undefined && { body }),
    });
  const config = async () => await proxy.ask("GET", "/config/");
  return { stage, proxy, send, config };
}

/** So many bytes of a JSON text, made as they are sent. */
function spaces(length: number): ReadableStream<Uint8Array<ArrayBuffer>> {
  const chunk = new Uint8Array(65_536).fill(0x20);
  let left = length;
  return new ReadableStream({
    pull(controller) {
      const size = Math.min(chunk.length, left);
      left -= size;
      if (size === 0) controller.close();
      else controller.enqueue(chunk.subarray(0, size));
    },
  });
}

Deno.test("a body over the limit is refused and never kept in memory", async () => {
  const { stage, proxy, send, config } = await withStage();
  await using _ = stage;
  const before = await config();
  const memory = proxy.memory();
  for (const path of ["/load", "/adapt", "/config/server", "/id/x"]) {
    const answer = await send("POST", path, spaces(50 * 1024 * 1024));
    assert.equal(answer.status, 413, path);
  }
  const fits = await send("POST", "/adapt", spaces(LIMIT));
  assert.equal(fits.status, 400, fits.body);
  const grown = proxy.memory() - memory;
  assert.ok(grown < 150 * 1024, `${grown} KiB more`);
  assert.equal(await config(), before);
});

needs(
  ["curl"],
  "curl is told that its file is too large, by HTTP/1.1 and HTTP/2",
  async () => {
    const { stage, proxy } = await withStage();
    await using _ = stage;
    const { folder, authority } = proxy.ground;
    const file = `${folder}/large.json`;
    await Deno.writeFile(file, new Uint8Array(50 * 1024 * 1024).fill(0x20));
    for (const version of ["--http1.1", "--http2"]) {
      const { text } = await outcome("curl", [
        ...["-sS", version, "-o", "/dev/null", "-w", "%{http_code}"],
        ...["--cacert", authority.file, "--data-binary", `@${file}`],
        ...["-H", `Authorization: Bearer ${TOKEN}`],
        ...["-H", "Content-Type: application/json"],
        `${proxy.adminUrl}/load`,
      ]);
      assert.equal(text, "413", version);
    }
  },
);

Deno.test("documents that are ambiguous, too deep or no JSON change nothing", async () => {
  const { stage, proxy, send, config } = await withStage();
  await using _ = stage;
  const before = await config();
  const deep = 10_000;
  const bodies = [
    "",
    "no JSON",
    "null",
    "5",
    "[]",
    '{"server": {}, "server": {}}',
    '{"__proto__": {"admin": {}}}',
    '{"constructor": {"prototype": {"admin": {}}}}',
    '{"server": {"__proto__": {"threads": 7}}}',
    "[".repeat(deep) + "]".repeat(deep),
    '{"a":'.repeat(deep) + "1" + "}".repeat(deep),
    '{"server": {"threads": 1e999}}',
    '{"a": {"@id": "x"}, "b": {"@id": "x"}}',
    '{"@id": {}}',
    "{'server': {}}",
  ];
  for (const body of bodies) {
    for (
      const [method, path] of [
        ["POST", "/load"],
        ["POST", "/config/"],
        ["PATCH", "/config/"],
        ["PATCH", "/config/server"],
        ["POST", "/config/listener/imap/bind/..."],
      ] as const
    ) {
      const answer = await send(method, path, body);
      if (answer.status === 200) {
        // An empty list adds nothing.
        assert.deepEqual([path.slice(-3), body], ["...", "[]"]);
      } else assert.equal(answer.status, 400, `${path} ${body.slice(0, 60)}`);
    }
  }
  const latin1 = await send(
    "POST",
    "/load",
    new Uint8Array([0x22, 0xe4, 0x22]),
  );
  assert.deepEqual([latin1.status, latin1.body], [
    400,
    "the body is not UTF-8\n",
  ]);
  for (
    const [type, status] of [
      ["text/plain", 415],
      ["application/x-www-form-urlencoded", 415],
      ["application/json; charset=utf-8", 400],
      ["text/toml", 400],
      ["application/json5", 400],
    ] as const
  ) {
    const answer = await send("POST", "/load", "][", { "content-type": type });
    assert.equal(answer.status, status, type);
  }
  assert.equal(await config(), before);
  assert.equal(proxy.count("admin_internal_error"), 0);
});

Deno.test("paths that lead nowhere are refused, whatever they are made of", async () => {
  const { stage, proxy, send, config } = await withStage();
  await using _ = stage;
  const before = await config();
  const value = '{"x": 1}';
  const table: readonly [string, get: number, set: number, patch: number][] = [
    ["/config/listener/imap/bind/1", 400, 400, 400],
    ["/config/listener/imap/bind/-1", 400, 400, 400],
    ["/config/listener/imap/bind/1e3", 400, 400, 400],
    ["/config/listener/imap/bind/99999999999999999999", 400, 400, 400],
    ["/config/listener/imap/bind/length", 400, 400, 400],
    ["/config/listener/imap/tls/x", 400, 400, 400],
    ["/config/nothing/deeper", 400, 400, 404],
    ["/config/__proto__", 200, 400, 404],
    ["/config/__proto__/polluted", 400, 400, 404],
    ["/config/constructor/prototype/x", 400, 400, 404],
    ["/config/listener/constructor", 200, 400, 404],
    ["/config/listener/toString/name", 400, 400, 404],
    ["/config/listener//imap", 400, 400, 400],
    ["/config/listener/%zz", 400, 400, 400],
    ["/config/listener/%ff", 400, 400, 400],
    [`/config${"/x".repeat(1000)}`, 400, 400, 400],
    ["/config/...", 400, 400, 400],
    ["/id/nobody", 404, 404, 404],
    ["/id/__proto__/x", 404, 404, 404],
  ];
  for (const [path, ...expected] of table) {
    const got = [
      await send("GET", path),
      await send("POST", path, value),
      await send("PATCH", path, value),
    ].map(({ status }) => status);
    assert.deepEqual([path.slice(0, 60), ...got], [
      path.slice(0, 60),
      ...expected,
    ]);
    const { status } = await send("DELETE", path);
    assert.equal(status, expected[2], `DELETE ${path.slice(0, 60)}`);
  }
  for (const path of ["admin", "routing", "destination/old", "mapping/file"]) {
    const needed = await send("DELETE", `/config/${path}`);
    assert.equal(needed.status, 400, `${path}: ${needed.body}`);
  }
  assert.equal(await config(), before);
  assert.equal(proxy.count("admin_internal_error"), 0);

  const at = "/config/server/proxy_ttl";
  for (const tag of ["*", "x", '"x"', 'W/"/config/ x"', '"/config/ a b"']) {
    const headers = { ...JSON_TYPE, "if-match": tag };
    assert.equal((await send("POST", at, "9", headers)).status, 400, tag);
  }
  const old = { ...JSON_TYPE, "if-match": '"/config/nothing/more 0123"' };
  assert.equal((await send("POST", at, "9", old)).status, 412);
  assert.equal(await config(), before);

  // A slash belongs to a name where it is encoded.
  const named = "/config/destination/a%2Fb";
  const copy = JSON.parse(await proxy.ask("GET", "/config/destination/new"));
  assert.equal((await send("PUT", named, JSON.stringify(copy))).status, 200);
  assert.equal((await send("PUT", named, JSON.stringify(copy))).status, 409);
  assert.deepEqual(JSON.parse(await proxy.ask("GET", named)), copy);
  assert.equal(await proxy.ask("GET", "/config/destination/a"), "null\n");
  assert.equal((await send("DELETE", named)).status, 200);
  assert.equal(await config(), before);
});

Deno.test("a value of a wrong type is refused at every place, with check's words", async () => {
  const { stage, proxy, send, config } = await withStage();
  await using _ = stage;
  const before = await config();
  const values = [null, true, -1, "", "x", [], [[]], {}, { x: 1 }];
  let refused = 0;
  for (const path of placesOf(JSON.parse(before))) {
    // Without its certificate the proxy is another one to this client.
    if (/^\/tls(\/certificate)?$/.test(path)) continue;
    for (const value of values) {
      const answer = await send(
        "PATCH",
        `/config${path}`,
        JSON.stringify(value),
      );
      const what = `${path} = ${JSON.stringify(value)}: ${answer.body}`;
      assert.ok([200, 400].includes(answer.status), what);
      if (answer.status === 200) {
        assert.equal((await send("POST", "/load", before)).status, 200, what);
        continue;
      }
      assert.match(answer.body, /^(configuration: |null is no configuration)/);
      refused++;
    }
  }
  assert.ok(refused > 200, String(refused));
  assert.equal(await config(), before);
  assert.equal(proxy.count("admin_internal_error"), 0);
  const bad = await send("PATCH", "/config/server/threads", '"many"');
  assert.equal(
    bad.body,
    'configuration: server.threads: must be a whole number from 0 to 512, not "many"\n',
  );
});

function* placesOf(value: unknown, path = ""): Generator<string> {
  yield path === "" ? "/" : path;
  if (typeof value !== "object" || value === null) return;
  for (const [name, member] of Object.entries(value)) {
    yield* placesOf(member, `${path}/${encodeURIComponent(name)}`);
  }
}

Deno.test("no GET shows a secret, and what it shows instead keeps it", async () => {
  const hidden = {
    redis: "redis-password-of-the-test",
    sql: "sql-password-of-the-test",
    query: "query-password-of-the-test",
  };
  const viewer = "viewer-token-of-the-tests-long-enough";
  const digest = tokenDigest(viewer);
  const stage = await Stage.create({
    config: {
      admin: {
        token: [{ name: "looks", role: "viewer", hash: `sha256:${digest}` }],
      },
      mapping: {
        redis: { url: `rediss://user:${hidden.redis}@db.example:6380/1` },
        sql: {
          url: `postgres://user:${hidden.sql}@db.example/x?k=${hidden.query}`,
          query: "SELECT 1",
        },
      },
    },
  });
  await using _ = stage;
  const { proxy } = stage;
  const secrets = [...Object.values(hidden), TOKEN, digest, viewer];
  const shows = (text: string) => secrets.filter((s) => text.includes(s));
  const change = (method: string, path: string, body: string) =>
    proxy.admin(method, path, { body, headers: JSON_TYPE });
  const before = await proxy.ask("GET", "/config/");
  assert.match(before, /rediss:\/\/user:<secret:[0-9a-f]{24}>@db.example:6380/);

  // Written back whole, in parts and elsewhere, a placeholder is its secret; nothing has changed.
  const unchanged = { changed: false, note: "nothing has changed" };
  const written = async (method: string, path: string, body: string) => {
    const answer = await change(method, path, body);
    assert.equal(answer.status, 200, answer.body);
    return JSON.parse(answer.body);
  };
  assert.deepEqual(await written("POST", "/load", before), unchanged);
  for (const part of ["admin", "mapping/sql", "admin/token/0/hash"]) {
    const value = await proxy.ask("GET", `/config/${part}`);
    assert.deepEqual(
      await written("PATCH", `/config/${part}`, value),
      unchanged,
      part,
    );
  }
  const url = JSON.parse(await proxy.ask("GET", "/config/mapping/redis/url"));
  const moved = url.replace("db.example", "other.example");
  const at = "/config/mapping/redis/url";
  assert.equal(
    (await written("PATCH", at, JSON.stringify(moved))).changed,
    true,
  );
  assert.equal((await written("PATCH", at, JSON.stringify(url))).changed, true);
  for (
    const [path, value] of [
      ["server/hostname", url],
      ["server/hostname", /<.*>/.exec(url)![0]],
      ["admin/bearer_token", `<secret:${"0".repeat(24)}>`],
    ]
  ) {
    const answer = await change(
      "POST",
      `/config/${path}`,
      JSON.stringify(value),
    );
    assert.equal(answer.status, 400, answer.body);
    assert.match(answer.body, /placeholder/);
  }
  assert.equal(await proxy.ask("GET", "/config/"), before);

  // Wherever somebody may look, saved configuration and log included.
  await written("PATCH", at, JSON.stringify(moved));
  const places = routes.filter(({ method }) => method === "GET")
    .map(({ path }) => path.replace("{path...}", ""));
  for (
    const path of [
      ...places,
      ...[...placesOf(JSON.parse(before))].map((p) => `/config${p}`),
    ]
  ) {
    const answer = await proxy.admin("GET", path);
    const headers = JSON.stringify([...answer.headers]);
    assert.deepEqual(shows(answer.body + headers), [], path);
  }
  assert.deepEqual(shows(JSON.stringify(proxy.log)), []);
});
