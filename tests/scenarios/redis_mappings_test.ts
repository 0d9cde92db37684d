/** The proxy with its mappings in Redis, and what happens to that Redis. */
import assert from "node:assert/strict";
import { parse } from "smol-toml";
import { Mailferry } from "../support/mailferry.ts";
import type { Table } from "../support/proxy_config.ts";
import { blocks } from "../support/readme.ts";
import { RedisServer } from "../support/redis.ts";
import { needs } from "../support/requirements.ts";
import { ALICE, BOB, Stage } from "../support/stage.ts";
import {
  ODD_IDENTIFIERS,
  readyz,
  REFUSED_IDENTIFIERS,
  whereIs,
} from "../support/store_stage.ts";
import { until } from "../support/wait.ts";

const NEEDED = ["redis-server", "redis-cli"];

const text = await Deno.readTextFile(
  new URL("../../docs/stores/redis.md", import.meta.url),
);

/** The examples of the page, the first with another address. */
const page = parse(blocks(text, "toml")[0]!) as {
  mapping: Table & { redis: Table };
};
const rights = blocks(text, "text")[0]!.trim();

const mapping = (url: string, more: Table = {}): Table => ({
  mapping: { ...page.mapping, redis: { ...page.mapping.redis, url }, ...more },
});

/** alice is on the default destination, bob is not. */
async function redis(settings: Record<string, string> = {}) {
  const server = await RedisServer.start({ password: "a-password", settings });
  await server.ask("SET", `route:${ALICE}`, "old");
  await server.ask("SET", `route:${BOB}`, "new");
  return server;
}

/** Parameters in which + stands for itself. */
const query = (identifier: string, destination?: string) =>
  `/mappings?identifier=${encodeURIComponent(identifier)}` +
  (destination === undefined ? "" : `&destination=${destination}`);

needs(
  NEEDED,
  "Redis: accounts are where their keys say, and the API changes them",
  async () => {
    await using server = await redis();
    await server.ask(...rights.split(" "));
    await using stage = await Stage.create({
      config: mapping(`redis://mailferry:secret@127.0.0.1:${server.port}/0`),
    });
    const { proxy } = stage;
    assert.equal(await whereIs(stage, ALICE), "old");
    assert.equal(await whereIs(stage, BOB), "new");
    assert.equal(await whereIs(stage, "nobody@example.com"), "old");
    await proxy.move(ALICE, "new");
    assert.equal(await server.ask("GET", `route:${ALICE}`), "new");
    assert.equal(await whereIs(stage, ALICE), "new");
    assert.equal(await proxy.ask("DELETE", query(BOB)), "removed\n");
    assert.equal(await proxy.ask("DELETE", query(BOB)), "absent\n");
    assert.equal(await whereIs(stage, BOB), "old");
    await server.ask("SET", "route:carol@example.com", "nowhere");
    await server.ask("LPUSH", "route:dora@example.com", "new");
    await server.ask("SET", "route:eve@example.com", "");
    for (const account of ["carol", "dora", "eve"]) {
      assert.equal(await whereIs(stage, `${account}@example.com`), "old");
    }
    const { destination } = await proxy.event("undeclared_destination");
    assert.equal(destination, "nowhere");
    const { reason } = await proxy.event("store_failed");
    assert.equal(reason, "what is stored for it is no string");
    assert.equal(await readyz(stage), "200 ok");
    const metrics = await proxy.ask("GET", "/metrics");
    assert.match(metrics, /^mailferry_store_up 1$/m);
    assert.match(
      metrics,
      /^mailferry_store_request_duration_seconds_count\{operation="get"\} [1-9]/m,
    );
    assert.match(
      metrics,
      /^mailferry_store_errors_total\{operation="get",reason="bad-data"\} 1$/m,
    );
  },
);

needs(
  NEEDED,
  "Redis: identifiers are keys as they are, or refused before",
  async () => {
    await using server = await redis();
    // Without a separator of master users a % is part of the identifier.
    await using stage = await Stage.create({
      config: {
        ...mapping(server.url),
        routing: { master_user_separators: [] },
      },
    });
    for (const identifier of ODD_IDENTIFIERS) {
      await stage.proxy.move(identifier, "new");
      const found = JSON.parse(await stage.proxy.ask("GET", query(identifier)));
      assert.equal(found.destination, "new", identifier);
    }
    assert.equal(await whereIs(stage, "back\\slash@example.com"), "new");
    for (const identifier of REFUSED_IDENTIFIERS) {
      const { status } = await stage.proxy.admin(
        "PUT",
        query(identifier, "new"),
      );
      assert.equal(status, 400, identifier);
    }
    assert.equal(
      await server.ask("DBSIZE"),
      String(ODD_IDENTIFIERS.length + 2),
    );
  },
);

needs(
  NEEDED,
  "Redis: keys that are no account's make no other mapping of an export",
  async () => {
    await using server = await RedisServer.start();
    await using stage = await Stage.create({ config: mapping(server.url) });
    const exported = (format: string) =>
      stage.proxy.ask("GET", `/mappings/export?format=${format}`);
    await server.ask("SET", "route:x\nbob@example.com\tnew\ny", "old");
    assert.equal(await exported("tsv"), "");
    assert.equal(await exported("csv"), "identifier,destination\n");
    await server.ask("SET", `route:${BOB}`, "old");
    assert.equal(await exported("tsv"), `${BOB}\told\n`);
    assert.match(await exported("ndjson"), /"x\\nbob@example.com\\tnew\\ny"/);
  },
);

needs(
  NEEDED,
  "Redis: killed in the middle of logins, nobody is refused, and it is used again when it is back",
  async () => {
    await using server = await redis();
    await using stage = await Stage.create({ config: mapping(server.url) });
    const { proxy } = stage;
    assert.equal(await whereIs(stage, BOB), "new");
    let isDead = false;
    const seen: string[] = [];
    const traffic = (async () => {
      for (let i = 0; i < 5 || !isDead; i++) {
        seen.push(await whereIs(stage, `user${i}@example.com`));
      }
    })();
    await until("some logins", () => seen.length > 2);
    await server.kill();
    isDead = true;
    await traffic;
    assert.deepEqual([...new Set(seen)], ["old"]);
    assert.equal(await whereIs(stage, "later@example.com"), "old");
    await proxy.event("store_down");
    assert.match(
      await readyz(stage),
      /^200 ok\nthe mapping store cannot be asked: /,
    );
    const write = await proxy.admin("PUT", query(BOB, "old"));
    assert.equal(write.status, 500);
    // It was asked about bob anew, and cannot answer.
    assert.equal(await whereIs(stage, BOB), "new", "the last known answer");
    // A reload that does not reach the store forgets nothing.
    assert.equal((await proxy.admin("POST", "/mappings/reload")).status, 500);
    proxy.signal("SIGHUP");
    await proxy.event("mappings_not_reloaded");
    assert.equal(await whereIs(stage, BOB), "new");

    await server.run();
    await proxy.event("store_up");
    await server.ask("SET", "route:later@example.com", "new");
    // What was made up meanwhile counts no more.
    assert.equal(await whereIs(stage, "later@example.com"), "new");
    assert.equal(await readyz(stage), "200 ok");
  },
);

needs(
  NEEDED,
  "Redis: while it hangs, cached logins go on, others are refused where that is asked for, and nothing piles up",
  async () => {
    await using server = await redis();
    await using stage = await Stage.create({
      config: mapping(server.url, {
        lookup_timeout: "3s",
        on_store_failure: "refuse",
      }),
    });
    const { proxy } = stage;
    assert.equal(await whereIs(stage, BOB), "new");
    const before = { memory: proxy.memory(), descriptors: proxy.descriptors() };
    server.signal("SIGSTOP");
    try {
      const first = whereIs(stage, "unknown@example.com");
      assert.equal(await whereIs(stage, BOB), "new", "it is cached");
      assert.match(await first, /^\[UNAVAILABLE\]/);
      await proxy.event("store_down");
      for (let i = 0; i < 300; i++) {
        const { status } = await proxy.admin("GET", query(`user${i}@x`));
        assert.equal(status, 500);
      }
      const grown = proxy.memory() - before.memory;
      assert.ok(grown < 60_000, `${grown} KiB`);
      const opened = proxy.descriptors() - before.descriptors;
      assert.ok(opened < 20, `${opened} descriptors`);
    } finally {
      server.signal("SIGCONT");
    }
    await proxy.event("store_up");
    assert.equal(await whereIs(stage, "unknown@example.com"), "old");
  },
);

needs(
  NEEDED,
  "Redis: down or misconfigured at the start, it stops nothing and says what is wrong",
  async () => {
    await using server = await redis();
    const wrong = server.url.replace("a-password", "not-the-password");
    {
      await using stage = await Stage.create({ config: mapping(wrong) });
      const { reason } = await stage.proxy.event("store_down");
      assert.match(String(reason), /WRONGPASS/);
      assert.equal(
        await readyz(stage),
        `200 ok\nthe mapping store cannot be asked: ${reason}`,
      );
      assert.equal(await whereIs(stage, BOB), "old");
      const text = JSON.stringify(stage.proxy.log);
      assert.ok(!text.includes("not-the-password"), "a secret is in the log");
      // Another configuration takes its place while it serves.
      await stage.proxy.reconfigure(mapping(server.url));
      await stage.proxy.ask("POST", "/config/reload");
      assert.equal(await whereIs(stage, BOB), "new");
      assert.equal(await readyz(stage), "200 ok");
      // And one that does not work is not taken.
      await stage.proxy.reconfigure(mapping(wrong));
      const refused = await stage.proxy.admin("POST", "/config/reload");
      assert.equal(refused.status, 400);
      assert.match(refused.body, /WRONGPASS/);
      await stage.proxy.ask("POST", "/cache/invalidate");
      assert.equal(await whereIs(stage, BOB), "new");
    }
    await server.kill();
    await using stage = await Stage.create({ config: mapping(server.url) });
    const { reason } = await stage.proxy.event("store_down");
    assert.equal(reason, "the connection was refused");
    assert.equal(await whereIs(stage, BOB), "old");
    await server.run();
    await stage.proxy.event("store_up");
    assert.equal(await whereIs(stage, BOB), "new");
  },
);

needs(
  NEEDED,
  "Redis: a write to a replica or to a full memory is refused, and lookups go on",
  async () => {
    await using main = await redis();
    await using replica = await RedisServer.start({
      password: "a-password",
      settings: {
        replicaof: `127.0.0.1 ${main.port}`,
        masterauth: "a-password",
      },
    });
    await until(
      "the copy",
      async () => await replica.ask("GET", `route:${BOB}`) === "new",
    );
    await using full = await redis();
    await full.ask("CONFIG", "SET", "maxmemory", "1");
    for (
      const [server, why] of [[replica, /READONLY/], [full, /OOM/]] as const
    ) {
      await using stage = await Stage.create({ config: mapping(server.url) });
      for (
        const [method, path] of [
          ["PUT", query(ALICE, "new")],
          ...server === replica ? [["DELETE", query(BOB)]] : [],
        ]
      ) {
        const refused = await stage.proxy.admin(method!, path!);
        assert.equal(refused.status, 500);
        assert.match(refused.body, why);
      }
      assert.equal(await whereIs(stage, ALICE), "old");
      assert.equal(await whereIs(stage, BOB), "new");
      assert.equal(await readyz(stage), "200 ok");
    }
  },
);

Deno.test("Redis: an address that cannot be understood is a configuration that does not validate", async () => {
  await using proxy = await Mailferry.spawn({
    config: mapping("redis://:a-password@one,two"),
  });
  const { code } = await proxy.exited;
  assert.equal(code, 78);
  assert.ok(!`${proxy.noise}`.includes("a-password"));
});
