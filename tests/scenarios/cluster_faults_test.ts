/** Proxies of a cluster that cannot hear each other, ask for much, or need rights and certificates. */
import assert from "node:assert/strict";
import { ClusterStage } from "../support/cluster_stage.ts";
import type { Mailferry } from "../support/mailferry.ts";
import { Postgres } from "../support/postgres.ts";
import { RedisServer } from "../support/redis.ts";
import { Relay } from "../support/relay.ts";
import { needs } from "../support/requirements.ts";
import { ALICE, Stage } from "../support/stage.ts";
import { tlsGround } from "../support/tls_server_cases.ts";
import { within } from "../support/wait.ts";

async function move(
  proxy: Mailferry,
  accounts: readonly string[],
  destination: string,
) {
  const { body } = await proxy.admin("POST", "/accounts/move", {
    body: JSON.stringify({
      accounts: accounts.map((identifier) => ({ identifier })),
      destination,
    }),
  });
  return JSON.parse(body) as {
    readonly accounts: readonly {
      readonly result: string;
      readonly now: Readonly<Record<string, string>>;
    }[];
  };
}

needs(
  ["redis-server"],
  "a proxy that was cut off from the bus serves no stale route once it is back, and ends what it was to end",
  async () => {
    await using redis = await RedisServer.start();
    await using relay = new Relay(redis.port);
    await using stage = await ClusterStage.create(
      { bus: "redis", url: redis.url },
      { b: { cluster: { url: `redis://127.0.0.1:${relay.port}` } } },
    );
    const { a, b } = stage;
    using client = (await stage.loggedIn(b, ALICE)).client;
    relay.cut();
    assert.equal(
      await a.move(ALICE, "new"),
      "ok\nnot reached: b: no answer within 1000 ms\n",
    );
    assert.match(
      await a.ask("POST", `/connections/kick?identifier=${ALICE}`),
      /^kicked 0\nnot reached: b: /,
    );
    const { reason } = await b.event("cluster_down");
    assert.equal(reason, "it does not carry messages");
    // It works on with what it knows.
    assert.equal(await stage.whereIs(b, ALICE), "old");
    const seen = b.count("cluster_up");
    relay.mend();
    await b.entry("the way back", () => b.count("cluster_up") > seen);
    // A login that is under way when the late kick comes is ended with the others.
    await within("the end of the session", client.drain());
    assert.equal(await stage.whereIs(b, ALICE), "new");
    await stage.together();
    await stage.move(a, ALICE, "old");
    assert.equal(await stage.whereIs(b, ALICE), "old");
  },
);

for (const bus of ["redis", "postgres"] as const) {
  needs(
    [bus === "redis" ? "redis-server" : "postgres"],
    `thousands of accounts are moved at once over ${bus}, and moves that meet say which of them counts`,
    async () => {
      await using server = bus === "redis"
        ? await RedisServer.start()
        : await Postgres.start();
      const url = typeof server.url === "string" ? server.url : server.url();
      await using stage = await ClusterStage.create({ bus, url });
      const { a, b } = stage;
      const many = Array.from(
        { length: 3000 },
        (_, i) => `${"konto-".repeat(8)}${i}@example.com`,
      );
      const known = [many[0]!, many[1500]!, many[2999]!];
      for (const account of known) {
        assert.equal(await stage.whereIs(b, account), "old");
      }
      const moved = await move(a, many, "new");
      await stage.settled(a);
      assert.ok(moved.accounts.every(({ result }) => result === "moved"));
      for (const account of known) {
        assert.equal(await stage.whereIs(b, account), "new");
      }

      for (let i = 0; i < 5; i++) {
        const both = await Promise.all([
          move(a, [ALICE], "old"),
          move(b, [ALICE], "new"),
        ]);
        for (const proxy of [a, b]) await stage.settled(proxy);
        const view = JSON.parse(
          await a.ask("GET", `/mappings?identifier=${ALICE}`),
        );
        const [winner, loser] = view.destination === "old"
          ? both
          : both.toReversed();
        assert.match(winner!.accounts[0]!.result, /^(?:moved|unchanged)$/);
        const { result, now } = loser!.accounts[0]!;
        if (result === "overtaken") {
          assert.deepEqual(now, { [ALICE]: view.destination });
        } else assert.match(result, /^(?:moved|unchanged)$/);
        for (const proxy of [a, b]) {
          assert.equal(await stage.whereIs(proxy, ALICE), view.destination);
        }
      }
    },
  );
}

needs(
  ["redis-server", "redis-cli"],
  "the bus over TLS, with a user that has the rights of the documentation and no others",
  async () => {
    await using ground = await tlsGround();
    await using redis = await RedisServer.start({ tls: ground.certificate });
    await redis.ask(
      ...["ACL", "SETUSER", "mailferry", "on", ">secret", "resetchannels"],
      ...["&mailferry", "&mailferry:*", "+publish", "+subscribe"],
    );
    const url = redis.url.replace("://", "://mailferry:secret@");
    const roots = `${ground.folder}/roots.pem`;
    await Deno.writeTextFile(roots, ground.authority.pem);
    await using stage = await ClusterStage.create(
      { bus: "redis", url },
      { environment: { SSL_CERT_FILE: roots } },
    );
    await stage.move(stage.a, ALICE, "new");
    assert.equal(await stage.whereIs(stage.b, ALICE), "new");
    const { a } = stage;
    for (
      const [change, says] of [
        [{ prefix: "other" }, /^the server answers: NOPERM /],
        [{ url: redis.url.replace("127.0.0.1", "localhost") }, /certificate/],
      ] as const
    ) {
      const seen = a.count("cluster_down");
      await a.reconfigure({ cluster: { bus: "redis", url, ...change } });
      await a.ask("POST", "/config/reload");
      await a.entry("down again", () => a.count("cluster_down") > seen);
      const { reason } = a.log.findLast(({ event }) =>
        event === "cluster_down"
      )!;
      assert.match(String(reason), says);
    }
  },
);

needs(
  ["redis-server"],
  "a bus that is away at the start stops nobody from serving",
  async () => {
    await using redis = await RedisServer.start();
    await redis.kill();
    await using stage = await Stage.create({
      config: { cluster: { bus: "redis", url: redis.url } },
    });
    const { proxy } = stage;
    assert.equal(
      (await proxy.event("cluster_down")).reason,
      "the connection was refused",
    );
    const warned = await proxy.event("config_warning");
    assert.match(String(warned.problem), /a file is this proxy's own/);
    using client = await stage.loggedIn(ALICE);
    assert.equal((await client.transact("NOOP")).text, "NOOP old");
    await redis.run();
    await proxy.event("cluster_up");
    // Alone on its bus it has nobody to wait for.
    assert.equal(await proxy.move(ALICE, "new"), "ok\n");
    assert.equal(await proxy.kick(ALICE), 1);
  },
);
