/** `mailferry ctl config` and its relatives, as an operator uses them. */
import assert from "node:assert/strict";
import { run } from "../support/mailferry.ts";
import type { Table } from "../support/proxy_config.ts";
import { Stage } from "../support/stage.ts";

async function withCtl(config: Table = {}) {
  const stage = await Stage.create({ config });
  const { proxy } = stage;
  const { folder } = proxy.ground;
  let files = 0;
  const file = async (text: string, extension = "json") => {
    const path = `${folder}/body-${files++}.${extension}`;
    await Deno.writeTextFile(path, text);
    return path;
  };
  const ctl = async (...words: string[]) => {
    const { code, stdout, stderr } = await run([
      ...["ctl", "--config", proxy.configFile],
      ...["--address", new URL(proxy.adminUrl).host, ...words],
    ]);
    return { code, stdout, stderr };
  };
  const done = async (...words: string[]) => {
    const { code, stdout, stderr } = await ctl(...words);
    assert.deepEqual([code, stderr], [0, ""], words.join(" "));
    return stdout;
  };
  return { stage, proxy, file, ctl, done };
}

Deno.test("ctl config reads and changes the running configuration", async () => {
  const { stage, file, ctl, done } = await withCtl();
  await using _ = stage;
  const get = (path: string) => done("config", "get", path);
  const binds = "listener/imap/bind";
  assert.equal(await get(binds), '[\n  "127.0.0.1:0"\n]\n');
  const whole = JSON.parse(await done("config", "get"));
  assert.match(whole.admin.bearer_token, /^<secret:/);

  const oneMore = await file('["[::1]:0"]');
  assert.equal(
    await done("config", "set", `${binds}/...`, "--file", oneMore),
    "changed:  yes\nnote:     everything is in force\n",
  );
  assert.deepEqual(JSON.parse(await get(binds)), ["127.0.0.1:0", "[::1]:0"]);
  await done("config", "delete", `${binds}/1`);
  const limit = "listener/imap/max_connections";
  await done("config", "create", limit, "--file", await file("7"));
  await done("config", "replace", limit, "--file", await file("8"));
  assert.equal(await get(limit), "8\n");

  const absent = await ctl("config", "delete", "listener/nothing");
  assert.deepEqual(absent, {
    code: 3,
    stdout: "",
    stderr: "/config/listener/nothing does not exist\n",
  });
  const twice = await ctl("config", "create", limit, "--file", oneMore);
  assert.equal(twice.code, 1);
  assert.match(twice.stderr, /exists already/);
  const stale = await ctl(
    ...["config", "delete", limit],
    ...["--if-match", '"/config/listener 0123456789abcdef"'],
  );
  assert.equal(stale.code, 1);
  assert.match(stale.stderr, /has changed since it was read/);
  assert.equal((await ctl("config", "set", limit)).code, 2);
  const invalid = await ctl(
    "config",
    "set",
    limit,
    "--file",
    await file('"x"'),
  );
  assert.match(
    invalid.stderr,
    /^configuration: listener\.imap\.max_connections: must be a whole number/,
  );

  await done("config", "set", "destination/new/@id", "--file", await file("5"));
  assert.equal(await done("id", "get", "5", "host"), '"127.0.0.1"\n');
});

Deno.test("ctl config shows how the running configuration differs, and saves or discards it", async () => {
  const { stage, proxy, file, ctl, done } = await withCtl();
  await using _ = stage;
  assert.equal(await done("config", "diff"), "no differences\n");
  await done(
    "config",
    "create",
    "oauth/jwt_username_claim",
    "--file",
    await file('"upn"'),
  );
  const diff =
    '{"differences":[{"path":"/oauth","file":null,"running":{"jwt_username_claim":"upn"}}]}\n';
  assert.equal(await done("config", "diff", "--json"), diff);
  const refused = await ctl("config", "reload");
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /discard=true/);
  await done("config", "reload", "--discard", "true");
  assert.equal(await done("config", "get", "oauth"), "null\n");

  const toml = await Deno.readTextFile(proxy.configFile);
  const changed = await file(
    `${toml}\n[oauth]\njwt_username_claim = "sub"\n`,
    "toml",
  );
  const adapted = JSON.parse(await done("config", "adapt", changed));
  assert.deepEqual(adapted.warnings, []);
  assert.deepEqual(adapted.result.oauth, { jwt_username_claim: "sub" });
  await done("config", "load", changed);
  assert.equal(
    await done("config", "save"),
    `saved:  ${proxy.configFile}\n`,
  );
  assert.equal(await done("config", "diff"), "no differences\n");
  assert.match(
    await Deno.readTextFile(proxy.configFile),
    /\[oauth\]\njwt_username_claim = "sub"/,
  );
  await done("config", "reload");
  assert.equal(
    await done("config", "get", "oauth/jwt_username_claim"),
    '"sub"\n',
  );

  assert.match(
    await done("upstreams"),
    /^ADDRESS +DESTINATION +PROTOCOL +NUM_REQUESTS +FAILS\n/,
  );
  assert.equal(await done("stop"), "stopping\n");
  assert.equal((await proxy.exited).code, 0);
});

Deno.test("ctl overrides shows what was set at run time, and clears it", async () => {
  const state = await Deno.makeTempDir();
  const set = { set_at: new Date().toISOString(), set_by: "test" };
  await Deno.writeTextFile(
    `${state}/overrides.json`,
    JSON.stringify([
      { kind: "server-state", key: "new/imap", value: "drain", base: "ready" },
      { kind: "maxconn", key: "imap", value: 9, base: 100 },
    ].map((entry) => ({ ...entry, ...set }))),
  );
  const { stage, ctl, done } = await withCtl({ server: { state_dir: state } });
  try {
    const shown = JSON.parse(await done("overrides", "--json"));
    assert.deepEqual(shown.overrides, [
      {
        kind: "server-state",
        key: "new/imap",
        value: "drain",
        configured: "ready",
        state: "in-force",
        ...set,
      },
      {
        kind: "maxconn",
        key: "imap",
        value: 9,
        configured: 8192,
        state: "stale",
        ...set,
      },
    ]);
    assert.match(await done("overrides"), /^maxconn +imap +9 +8192 +stale /m);
    assert.equal(
      await done("overrides", "clear", "maxconn", "imap"),
      "cleared 1\n",
    );
    assert.equal(await done("overrides", "clear"), "cleared 1\n");
    assert.equal(await done("overrides"), "no overrides\n");
    assert.equal((await ctl("overrides", "clear", "a", "b", "c")).code, 2);
  } finally {
    await stage[Symbol.asyncDispose]();
    await Deno.remove(state, { recursive: true });
  }
});

Deno.test("config schema prints what GET /config/schema answers", async () => {
  const { stage, proxy, done } = await withCtl();
  await using _ = stage;
  const { code, stdout } = await run(["config", "schema"]);
  assert.equal(code, 0);
  assert.equal(JSON.parse(stdout).type, "object");
  const answered = await proxy.ask("GET", "/config/schema");
  assert.deepEqual(JSON.parse(answered), JSON.parse(stdout));
  assert.equal(await done("config", "schema"), stdout);
  assert.equal((await run(["config", "shema"])).code, 2);
});
