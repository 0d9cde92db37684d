/** The configuration API as Caddy's document shows it, with curl and this proxy's paths. */
import assert from "node:assert/strict";
import { stringify } from "smol-toml";
import { blocks } from "../support/readme.ts";
import type { Mailferry } from "../support/mailferry.ts";
import { TOKEN } from "../support/proxy_config.ts";
import { freePorts } from "../support/ports.ts";
import { needs } from "../support/requirements.ts";
import { ALICE, Stage } from "../support/stage.ts";

interface Answer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

/** `curl ARGUMENTS URL`, the URL being that of the management API. */
async function curl(
  proxy: Mailferry,
  path: string,
  ...args: string[]
): Promise<Answer> {
  const { stdout, stderr, code } = await new Deno.Command("curl", {
    args: [
      ...["-sS", "-i", "--http1.1", "--path-as-is"],
      ...["--cacert", proxy.ground.authority.file],
      ...["-H", `Authorization: Bearer ${TOKEN}`],
      ...args,
      proxy.adminUrl + path,
    ],
    stdin: "null",
  }).output();
  if (code !== 0) throw new Error(new TextDecoder().decode(stderr));
  // What came before the last head are interim answers.
  const text = new TextDecoder().decode(stdout)
    .replace(/^(HTTP\/1\.1 1\d\d[^]*?\r\n\r\n)+/, "");
  const end = text.indexOf("\r\n\r\n");
  const lines = text.slice(0, end).split("\r\n");
  return {
    status: Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1]),
    headers: new Map(
      lines.slice(1).map((line) => {
        const [name, value] = line.split(/: (.*)/s);
        return [name!.toLowerCase(), value!];
      }),
    ),
    body: text.slice(end + 4),
  };
}

const JSON_BODY = ["-H", "Content-Type: application/json", "-d"];

needs(
  ["curl"],
  "each example of Caddy's document works with this proxy's paths",
  async () => {
    await using stage = await Stage.create();
    const { proxy } = stage;
    const [first, second, third, fourth] = freePorts(4).map((port) =>
      `127.0.0.1:${port}`
    );
    const bind = "/config/listener/imap/bind";
    const done = async (path: string, ...args: string[]) => {
      const { status, body } = await curl(proxy, path, ...args);
      assert.equal(status, 200, `${path} ${args.join(" ")}: ${body}`);
      return JSON.parse(body);
    };
    const binds = async () => await done(bind);
    using client = await stage.loggedIn(ALICE);

    // GET /config/[path]
    const whole = await done("/config/");
    assert.deepEqual(Object.keys(whole).includes("listener"), true);
    assert.deepEqual(await binds(), ["127.0.0.1:0"]);

    // PATCH, POST, POST /..., PUT at an index
    await done(bind, "-X", "PATCH", ...JSON_BODY, `["${first}"]`);
    assert.deepEqual(await binds(), [first]);
    await done(bind, ...JSON_BODY, `"${second}"`);
    assert.deepEqual(await binds(), [first, second]);
    await done(`${bind}/...`, ...JSON_BODY, `["${third}"]`);
    await done(`${bind}/0`, "-X", "PUT", ...JSON_BODY, `"${fourth}"`);
    assert.deepEqual(await binds(), [fourth, first, second, third]);
    for (const address of [fourth, third]) {
      const port = Number(address!.split(":")[1]);
      const socket = await Deno.connect({ hostname: "127.0.0.1", port });
      socket.close();
    }
    await done(`${bind}/0`, "-X", "DELETE");
    assert.deepEqual(await binds(), [first, second, third]);

    // @id
    await done(
      "/config/destination/new/@id",
      ...["-X", "PUT", ...JSON_BODY, '"my_server"'],
    );
    assert.equal(await done("/id/my_server/host"), "127.0.0.1");
    await done("/id/my_server/hide_auth_errors", ...JSON_BODY, "true");
    assert.equal(await done("/config/destination/new/hide_auth_errors"), true);
    assert.equal((await curl(proxy, "/id/nobody")).status, 404);

    // Concurrent changes
    const read = await curl(proxy, "/config/listener");
    const etag = read.headers.get("etag")!;
    assert.match(etag, /^"\/config\/listener [0-9a-f]+"$/);
    assert.match(read.headers.get("cache-control")!, /must-revalidate/);
    const limit = "/config/listener/imap/max_connections";
    const conditional = ["-H", `If-Match: ${etag}`, ...JSON_BODY];
    await done("/config/oauth", ...JSON_BODY, '{"jwt_username_claim": "upn"}');
    await done(limit, ...conditional, "100");
    assert.equal((await curl(proxy, limit, ...conditional, "101")).status, 412);
    assert.equal(await done(limit), 100);

    // POST /load, the same again, and forced
    const now = await done("/config/");
    const file = `${proxy.ground.folder}/load.json`;
    await Deno.writeTextFile(file, JSON.stringify(now));
    const json = ["-H", "Content-Type: application/json", "-d", `@${file}`];
    const same = await done("/load", ...json);
    assert.deepEqual(same, { changed: false, note: "nothing has changed" });
    const forced = ["-H", "Cache-Control: must-revalidate", ...json];
    assert.equal((await done("/load", ...forced)).changed, true);
    const stale = await curl(
      proxy,
      "/load",
      "-H",
      `If-Match: ${etag}`,
      ...json,
    );
    assert.equal(stale.status, 412);
    const changed = { ...now, oauth: { jwt_username_claim: "email" } };
    await Deno.writeTextFile(file, stringify(changed));
    const toml = ["-H", "Content-Type: text/toml", "--data-binary", `@${file}`];
    assert.equal((await done("/load", ...toml)).changed, true);
    assert.equal(await done("/config/oauth/jwt_username_claim"), "email");

    // POST /adapt
    assert.deepEqual(await done("/adapt", ...toml), {
      result: changed,
      warnings: [],
    });
    const adapted = await done(
      "/adapt",
      ...["-H", "Content-Type: application/json5"],
      ...["--data-binary", "{server: {treads: 2}, /* no more */}"],
    );
    assert.deepEqual(adapted.result, { server: { treads: 2 } });
    const messages = adapted.warnings.map((
      w: { key: string; message: string },
    ) => `${w.key}: ${w.message}`);
    assert.ok(
      messages.includes('server.treads: unknown key, did you mean "threads"?'),
    );

    // GET /reverse_proxy/upstreams
    const upstreams = await done("/reverse_proxy/upstreams");
    assert.deepEqual(upstreams, [
      upstreamOf(stage.old.port, "old", 1),
      upstreamOf(stage.new_.port, "new", 0),
    ]);

    // DELETE of a listener: it stops, its sessions go on.
    await done("/config/listener/imap", "-X", "DELETE");
    assert.equal(await done("/config/listener/imap"), null);
    const port = Number(first!.split(":")[1]);
    await assert.rejects(Deno.connect({ hostname: "127.0.0.1", port }));
    assert.equal((await client.transact("NOOP")).status, "OK");

    // DELETE /config/ unloads; the management API stays, and takes a configuration.
    await done("/config/", "-X", "DELETE");
    assert.equal(await done("/config/"), null);
    assert.equal((await curl(proxy, "/readyz")).status, 503);
    assert.equal((await client.transact("NOOP")).status, "OK");
    const unloaded = await curl(proxy, "/config/oauth", "-X", "DELETE");
    assert.equal(unloaded.status, 404);
    assert.equal((await done("/load", ...toml)).changed, true);
    assert.equal((await curl(proxy, "/readyz")).status, 200);

    // POST /stop, which whoever got no answer sends again
    for (let i = 0; i < 2; i++) {
      const stop = await curl(proxy, "/stop", "-X", "POST");
      assert.deepEqual([stop.status, stop.body], [200, "stopping\n"]);
    }
    proxy.signal("SIGTERM");
    await proxy.entry("the signal", ({ actor }) => actor === "SIGTERM");
    assert.equal((await client.transact("NOOP")).status, "OK");
    client.close();
    assert.equal((await proxy.exited).code, 0);
  },
);

function upstreamOf(port: number, destination: string, sessions: number) {
  return {
    address: `127.0.0.1:${port}`,
    destination,
    protocol: "imap",
    num_requests: sessions,
    fails: 0,
  };
}

needs(
  ["curl", "bash"],
  "docs/live-configuration.md can be walked from top to bottom",
  async () => {
    await using stage = await Stage.create();
    const { proxy } = stage;
    const { folder, authority } = proxy.ground;
    await Deno.copyFile(proxy.configFile, `${folder}/mailferry.toml`);
    const page = await Deno.readTextFile(
      new URL("../../docs/live-configuration.md", import.meta.url),
    );
    const steps = blocks(page, "sh");
    assert.ok(steps.length > 20);
    const { code, stdout, stderr } = await new Deno.Command("bash", {
      args: ["-euo", "pipefail", "-c", steps.join("\n")],
      cwd: folder,
      env: { URL: proxy.adminUrl, CA: authority.file, TOKEN },
      stdin: "null",
    }).output();
    const text = new TextDecoder();
    const printed = text.decode(stdout);
    assert.equal(code, 0, printed + text.decode(stderr));
    for (
      const shown of [
        '"note":"nothing has changed"',
        "\nchanged meanwhile\n",
        "\ndiffers from the file\n",
        '"path":"/oauth","file":null',
        "stopping\n",
      ]
    ) {
      assert.ok(printed.includes(shown), `${shown} in ${printed}`);
    }
    assert.equal((await proxy.exited).code, 0);
  },
);
