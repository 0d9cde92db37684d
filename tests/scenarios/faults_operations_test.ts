/** What goes wrong around the proxy while it serves: files, disks, signals, ports, reloads. */
import assert from "node:assert/strict";
import { Disk } from "../support/disk.ts";
import { FakeImapBackend } from "../support/fake_imap_backend.ts";
import { ImapClient } from "../support/imap_client.ts";
import { Mailferry, run } from "../support/mailferry.ts";
import {
  baseConfig,
  destination,
  Ground,
  merge,
  replaceFile,
  type Table,
  writeConfig,
} from "../support/proxy_config.ts";
import { refusedPort } from "../support/ports.ts";
import { needs } from "../support/requirements.ts";
import { ALICE, BOB, login, Stage } from "../support/stage.ts";
import { until, within } from "../support/wait.ts";

const put = (identifier: string, to: string) =>
  `/mappings?identifier=${identifier}&destination=${to}`;

/** Where a new login of an account ends up. */
async function server(stage: Stage, account: string): Promise<string> {
  using client = await stage.loggedIn(account);
  return (await client.transact("NOOP")).text.replace("NOOP ", "");
}

Deno.test("a mapping file that is replaced is served after a reload", async () => {
  await using stage = await Stage.create();
  const { proxy } = stage;
  await replaceFile(proxy.mappingFile, `# moved\n${ALICE} new\r\n`);
  assert.equal(await server(stage, ALICE), "old");
  assert.equal(await proxy.ask("POST", "/mappings/reload"), "reloaded\n");
  assert.equal(await server(stage, ALICE), "new");
  assert.equal(await server(stage, BOB), "old");
});

Deno.test("a mapping file that is gone, or bad, leaves the old table in service", async () => {
  await using stage = await Stage.create();
  const { proxy } = stage;
  const text = await Deno.readTextFile(proxy.mappingFile);
  const reload = () => proxy.admin("POST", "/mappings/reload");

  await Deno.remove(proxy.mappingFile);
  const gone = await reload();
  assert.equal(gone.status, 500);
  assert.equal(await server(stage, BOB), "new");

  // A folder cannot be read, whoever the user is.
  await Deno.mkdir(proxy.mappingFile);
  assert.equal((await reload()).status, 500);
  await Deno.remove(proxy.mappingFile);

  await replaceFile(proxy.mappingFile, `${text}${ALICE} nowhere\n`);
  const bad = await reload();
  assert.equal(bad.status, 500);
  assert.match(bad.body, /nowhere/);
  assert.equal(await server(stage, ALICE), "old");
  assert.equal(await server(stage, BOB), "new");

  await replaceFile(proxy.mappingFile, text);
  assert.equal((await reload()).status, 200);
});

Deno.test("a mapping file that was emptied is taken at a reload only, with a warning", async () => {
  await using stage = await Stage.create();
  const { proxy } = stage;
  await Deno.writeTextFile(proxy.mappingFile, "");
  assert.equal(await server(stage, BOB), "new");
  // Neither does a write put the old table over it: somebody emptied the file.
  const refused = await proxy.admin("PUT", put(ALICE, "new"));
  assert.equal(refused.status, 500);
  assert.equal(await Deno.readTextFile(proxy.mappingFile), "");
  await proxy.ask("POST", "/mappings/reload");
  await proxy.entry("a warning", (e) => /no mappings/.test(JSON.stringify(e)));
  assert.equal(await server(stage, BOB), "old");
});

needs(
  ["mount"],
  "a full disk at a mapping write loses nothing and says why",
  async () => {
    await using ground = await Ground.create();
    await using disk = await Disk.mount("64k");
    await using old = new FakeImapBackend({ name: "old" });
    await using proxy = await Mailferry.start({
      ground,
      mappings: { [ALICE]: "old" },
      config: {
        destination: { old: destination(old.port, "plain") },
        mapping: { file: { path: `${disk.folder}/mappings` } },
      },
    });
    const before = await Deno.readTextFile(proxy.mappingFile);
    await disk.fill();
    const { status, body } = await proxy.admin("PUT", put(BOB, "old"));
    assert.equal(status, 500);
    assert.match(body, /no space|ENOSPC/i);
    assert.equal(await Deno.readTextFile(proxy.mappingFile), before);
    assert.deepEqual(disk.files(), ["filler", "mappings"]);
    const view = await proxy.ask("GET", `/mappings?identifier=${BOB}`);
    assert.equal(JSON.parse(view).routed_to_default, true);
    await disk.empty();
    await proxy.ask("PUT", put(BOB, "old"));
    assert.match(await Deno.readTextFile(proxy.mappingFile), /^bob@.*\told$/m);
  },
);

Deno.test("SIGTERM lets sessions finish, takes no new ones, and ends with 0", async () => {
  await using stage = await Stage.create();
  const { proxy } = stage;
  const listener = proxy.listener("imaps");
  using client = await stage.loggedIn(ALICE);
  proxy.signal("SIGTERM");
  await until("a closed port", async () => {
    try {
      (await ImapClient.raw(listener)).close();
      return false;
    } catch {
      return true;
    }
  });
  const ready = await proxy.admin("GET", "/readyz", { token: null });
  assert.equal(ready.status, 503);
  assert.equal((await client.transact("NOOP")).text, "NOOP old");
  await client.transact("LOGOUT");
  await client.rest();
  client.close();
  const { code } = await within("the end", proxy.exited);
  assert.equal(code, 0);
});

Deno.test("a client that has not logged in does not hold a drain up", async () => {
  await using stage = await Stage.create();
  using clear = await stage.plainClient();
  using client = await stage.client();
  stage.proxy.signal("SIGTERM");
  assert.match(await client.rest(), /^\* BYE /);
  assert.match(await clear.rest(), /^\* BYE /);
  assert.equal((await within("the end", stage.proxy.exited)).code, 0);
  const records = stage.proxy.log.filter((e) => e.event === "session_end");
  assert.deepEqual(records.map((e) => e.reason), ["drained", "drained"]);
});

Deno.test("shutdown_grace bounds the drain, a second signal ends it", async () => {
  await using short = await Stage.create({
    config: { server: { shutdown_grace: "500ms" } },
  });
  using client = await short.loggedIn(ALICE);
  short.proxy.signal("SIGTERM");
  await client.rest();
  assert.equal((await within("the end", short.proxy.exited)).code, 0);
  const record = short.proxy.log.find((e) => e.event === "session_end");
  assert.equal(record?.reason, "drained");

  await using long = await Stage.create({
    config: { server: { shutdown_grace: "1h" } },
  });
  using other = await long.loggedIn(ALICE);
  long.proxy.signal("SIGINT");
  await until("the drain", async () => {
    const { status } = await long.proxy.admin("GET", "/readyz");
    return status === 503;
  });
  assert.equal((await other.transact("NOOP")).text, "NOOP old");
  long.proxy.signal("SIGTERM");
  const { signal } = await within("the end", long.proxy.exited);
  assert.equal(signal, null);
});

Deno.test("a broken configuration at a reload is reported and the old one stays", async () => {
  await using stage = await Stage.create();
  const { proxy } = stage;
  using client = await stage.loggedIn(ALICE);
  const good = await Deno.readTextFile(proxy.configFile);
  const broken: [string, RegExp][] = [
    ["this is no TOML [", /:1/],
    [good.replace('source = "file"', 'source = "files"'), /mapping\.source/],
    [
      good.replace('default_destination = "old"', 'default_destination = "x"'),
      /routing\.default_destination/,
    ],
    [good.replace(/main\.key|proxy\.test\.key/, "missing.key"), /missing\.key/],
  ];
  for (const [text, reason] of broken) {
    assert.notEqual(text, good);
    await replaceFile(proxy.configFile, text);
    const { status, body } = await proxy.admin("POST", "/config/reload");
    assert.equal(status, 400, body);
    assert.match(body, reason);
    assert.equal((await client.transact("NOOP")).text, "NOOP old");
    assert.equal(await server(stage, BOB), "new");
  }
  // The signal does the same, with the log as the place of the reason.
  const lines = proxy.log.length;
  proxy.signal("SIGHUP");
  await proxy.entry(
    "the reason in the log",
    (e) =>
      proxy.log.indexOf(e) >= lines &&
      JSON.stringify(e).includes("missing.key"),
  );
  await replaceFile(proxy.configFile, good);
  const { status } = await proxy.admin("POST", "/config/reload");
  assert.equal(status, 200);
});

Deno.test("a destination changed at a reload drops none of 100 open sessions", async () => {
  await using stage = await Stage.create({
    config: { server: { threads: 2 } },
  });
  await using third = new FakeImapBackend({ name: "third" });
  const clients = await Promise.all(
    Array.from({ length: 100 }, () => stage.loggedIn(ALICE)),
  );
  await stage.proxy.reconfigure({
    destination: { old: { protocol: { imap: { port: third.port } } } },
  });
  const answer = await stage.proxy.ask("POST", "/config/reload");
  assert.equal(JSON.parse(answer).reloaded, true);
  for (const client of clients) {
    assert.equal((await client.transact("NOOP")).text, "NOOP old");
  }
  assert.equal(await server(stage, ALICE), "third");
  assert.equal(stage.old.openSessions(ALICE).length, 100);
  for (const client of clients) client.close();
  await stage.proxy.empty();
});

Deno.test("listeners come and go at a reload, sessions stay", async () => {
  await using stage = await Stage.create();
  const { proxy } = stage;
  using client = await stage.loggedIn(ALICE);
  await proxy.reconfigure({
    listener: {
      imaps: undefined,
      extra: { protocol: "imap", bind: ["127.0.0.1:0"], tls: "implicit" },
    },
  });
  await proxy.ask("POST", "/config/reload");
  await proxy.entry("the new listener", (e) => e.listener === "extra");
  using other = await ImapClient.tls(proxy.listener("extra"), proxy.ca);
  assert.equal((await other.transact(login(BOB))).status, "OK");
  await assert.rejects(ImapClient.raw(proxy.listener("imaps")));
  assert.equal((await client.transact("NOOP")).text, "NOOP old");
});

Deno.test("a certificate changed at a reload is used by the next handshake, sessions untouched", async () => {
  await using stage = await Stage.create({
    config: { server: { threads: 2 } },
  });
  const { proxy, ground } = stage;
  using client = await stage.loggedIn(ALICE);
  using clear = await stage.plainClient();
  await using other = await Ground.create();
  for (const file of ["certFile", "keyFile"] as const) {
    const text = await Deno.readTextFile(other.certificate[file]);
    await replaceFile(ground.certificate[file], text);
  }
  // Before the reload the file does not matter.
  (await stage.client()).close();
  await proxy.ask("POST", "/config/reload");
  for (const name of ["imaps", "imap"]) {
    for (let i = 0; i < 6; i++) {
      using fresh = name === "imaps"
        ? await ImapClient.tls(proxy.listener(name), other.authority.pem)
        : await ImapClient.plain(proxy.listener(name), other.authority.pem);
      if (name === "imap") await fresh.startTls();
      assert.equal((await fresh.transact("NOOP")).status, "OK");
    }
  }
  await assert.rejects(ImapClient.tls(proxy.listener("imaps"), proxy.ca));
  assert.equal((await client.transact("NOOP")).text, "NOOP old");
  assert.equal((await clear.transact("NOOP")).status, "OK");
});

/** A configuration that would serve, for runs that end by themselves. */
async function servable(ground: Ground, over: Table = {}): Promise<Table> {
  await Deno.writeTextFile(`${ground.folder}/mappings`, "");
  return merge(
    merge(baseConfig(ground), {
      destination: { old: destination(1, "plain") },
    }),
    over,
  );
}

Deno.test("a port that cannot be bound ends the start with 1 and names it", async () => {
  await using ground = await Ground.create();
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const bind = `127.0.0.1:${taken.addr.port}`;
  for (
    const over of [{ listener: { imaps: { bind: [bind] } } }, {
      admin: { bind },
    }]
  ) {
    const path = await writeConfig(ground, await servable(ground, over));
    const { code, stderr } = await within("the end", run([path]));
    assert.equal(code, 1, stderr);
    assert.ok(stderr.includes(bind), stderr);
  }
});

Deno.test("a second copy on the same ports is noticed", async () => {
  await using stage = await Stage.create({
    config: { server: { threads: 2 } },
  });
  await using ground = await Ground.create();
  const bind = [`127.0.0.1:${stage.proxy.listener("imaps").port}`];
  const config = await servable(ground, { listener: { imaps: { bind } } });
  const path = await writeConfig(ground, config);
  const { code, stderr } = await within("the end", run([path]));
  assert.equal(code, 1, stderr);
  assert.ok(stderr.includes(bind[0]!), stderr);
  using client = await stage.loggedIn(ALICE);
  assert.equal((await client.transact("NOOP")).text, "NOOP old");
});

Deno.test("a configuration that does not validate ends with 78 and lists every problem", async () => {
  await using ground = await Ground.create();
  const config = await servable(ground, {
    routing: { default_destination: "nobody" },
    server: { bridge_idle: "soon" },
    admin: { bearer_token: "tiny-secret" },
  });
  const path = await writeConfig(ground, config);
  const { code, stderr } = await within("the end", run([path]));
  assert.equal(code, 78, stderr);
  for (
    const part of [
      path,
      "routing.default_destination",
      "server.bridge_idle",
      "admin.bearer_token",
    ]
  ) {
    assert.ok(stderr.includes(part), `${part} in ${stderr}`);
  }
  assert.doesNotMatch(stderr, /tiny-secret|\bat .*\.ts/);
  const missing = await run([`${ground.folder}/missing.toml`]);
  assert.equal(missing.code, 78, missing.stderr);
});

Deno.test("an unknown key is a warning with the nearest known one, not a refusal", async () => {
  await using stage = await Stage.create({
    config: { server: { shutdown_graze: "1s" } },
  });
  await stage.proxy.entry("the warning", (e) => {
    const text = JSON.stringify(e);
    return e.level === "warn" && text.includes("server.shutdown_graze") &&
      text.includes("shutdown_grace");
  });
});

Deno.test("a destination that is one of the own listeners is refused", async () => {
  await using ground = await Ground.create();
  const port = refusedPort();
  const config = await servable(ground, {
    listener: { imaps: { bind: [`127.0.0.1:${port}`] } },
    destination: { old: destination(port, "plain") },
  });
  const path = await writeConfig(ground, config);
  const { code, stderr } = await within("the end", run([path]));
  assert.equal(code, 78, stderr);
  assert.match(stderr, /destination\.old/);
});

Deno.test("wrong usage ends with 2", async () => {
  for (
    const args of [[], ["run"], ["check"], ["--nonsense"], ["a", "b", "c"]]
  ) {
    const { code, stderr } = await run(args, { PROXY_CONFIG: "" });
    assert.equal(code, 2, `${args}: ${stderr}`);
    assert.notEqual(stderr, "");
  }
});
