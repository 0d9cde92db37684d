/** The Redis store against redis-server, without the proxy around it. */
import assert from "node:assert/strict";
import { systemClock } from "../../src/observe/clock.ts";
import { libc } from "../../src/net/libc.ts";
import { RedisSource } from "../../src/store/redis/source.ts";
import { RemoteStore } from "../../src/store/remote/store.ts";
import { type Mapping, StoreError } from "../../src/store/store.ts";
import { mappingStoreConformance } from "../conformance/mapping_store.ts";
import { isConnected } from "../support/established.ts";
import { freePorts } from "../support/ports.ts";
import { Ground } from "../support/proxy_config.ts";
import { RedisServer } from "../support/redis.ts";
import { RedisCluster } from "../support/redis_cluster.ts";
import { RedisSentinel } from "../support/redis_sentinel.ts";
import { absent, needs } from "../support/requirements.ts";
import { until } from "../support/wait.ts";

// The library is loaded once for all tests, and stays.
libc();

const NEEDED = ["redis-server", "redis-cli"];

interface StoreOptions {
  readonly prefix?: string;
  readonly trustRoots?: readonly string[];
  readonly told?: string[];
  readonly timeout?: number;
}

function openStore(
  url: string,
  { prefix = "route:", trustRoots = [], told = [], timeout = 5000 }:
    StoreOptions = {},
): Promise<RemoteStore> {
  const source = new RedisSource({
    url,
    prefix,
    poolSize: 4,
    trustRoots: () => trustRoots,
  });
  return RemoteStore.open(source, {
    timeout: () => timeout,
    clock: systemClock,
    events: {
      down: (problem) => told.push(`down: ${problem}`),
      up: () => told.push("up"),
      answered: () => {},
      failed: () => {},
    },
  });
}

async function underTest(server: RedisServer) {
  const store = await openStore(server.url);
  assert.deepEqual(store.health(), { serving: true, problem: null });
  return {
    store,
    reopen: () => openStore(server.url),
    async [Symbol.asyncDispose]() {
      await store.close();
      await server[Symbol.asyncDispose]();
    },
  };
}

mappingStoreConformance(
  "RedisSource",
  async () => underTest(await RedisServer.start()),
  { programs: NEEDED },
);

/** For all tests that leave it running. */
let cluster: RedisCluster;

Deno.test.beforeAll(async () => {
  if (absent(NEEDED).length === 0) cluster = await RedisCluster.start(3);
});
Deno.test.afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

mappingStoreConformance(
  "RedisSource of a cluster",
  async () => {
    for (const node of cluster.nodes) await node.ask("FLUSHALL");
    const store = await openStore(cluster.url());
    return {
      store,
      reopen: () => openStore(cluster.url()),
      [Symbol.asyncDispose]: () => store.close(),
    };
  },
  { programs: NEEDED },
);

needs(
  NEEDED,
  "RedisSource of a cluster goes on with the nodes that are there, and lists nothing rather than a part",
  async () => {
    await using cluster = await RedisCluster.start(3, {
      settings: { "cluster-require-full-coverage": "no" },
    });
    const told: string[] = [];
    const store = await openStore(cluster.url(), { told, timeout: 2000 });
    const names = Array.from({ length: 60 }, (_, i) => `user${i}`);
    await store.write(new Map(names.map((name) => [name, "new"])));
    const [first, second] = cluster.nodes as [RedisServer, RedisServer];
    const there = new Map<string, RedisServer>();
    for (const name of names) {
      there.set(name, await cluster.nodeOf(`route:${name}`));
    }
    assert.equal(new Set(there.values()).size, 3);
    const found = (name: string) =>
      store.get(name).then(
        (destination) => `${destination}`,
        (error: StoreError) => error.code,
      );
    for (
      const { node, away, back } of [
        { node: first, away: () => first.kill(), back: () => first.run() },
        {
          node: second,
          away: () => Promise.resolve(second.signal("SIGSTOP")),
          back: () => Promise.resolve(second.signal("SIGCONT")),
        },
      ]
    ) {
      await away();
      for (let round = 0; round < 3; round++) {
        const answers = await Promise.all(names.map(found));
        assert.deepEqual(
          answers,
          names.map((name) => there.get(name) === node ? "unavailable" : "new"),
        );
      }
      await assert.rejects(store.list(null, 100), { code: "unavailable" });
      assert.equal(store.health().serving, true);
      await back();
      await until("all of them", async () => {
        const answers = await Promise.all(names.map(found));
        return answers.every((answer) => answer === "new");
      });
    }
    assert.deepEqual(told, []);
    // Closed while it looks for what is gone, it leaves nothing behind.
    second.signal("SIGSTOP");
    await first.kill();
    const last = names.map(found);
    await Promise.race(last);
    await store.close();
    await Promise.all(last);
  },
);

needs(
  NEEDED,
  "RedisSource of a cluster follows a replica that takes the place of its master",
  async () => {
    await using cluster = await RedisCluster.start(3);
    const [master] = cluster.nodes;
    const store = await openStore(cluster.url());
    const names = Array.from({ length: 60 }, (_, i) => `user${i}`);
    await store.write(new Map(names.map((name) => [name, "new"])));
    await cluster.replicate(master!);
    await master!.kill();
    await until("all of them", async () => {
      const found = await Promise.allSettled(
        names.map((name) => store.get(name)),
      );
      return found.every((each) =>
        each.status === "fulfilled" && each.value === "new"
      );
    });
    await store.write(new Map(names.map((name) => [name, "old"])));
    const { mappings } = await store.list(null, 1000);
    assert.equal(new Set(mappings.map((each) => each.identifier)).size, 60);
    await store.close();
  },
);

needs(
  NEEDED,
  "RedisSource lists keys with its prefix alone, and only those that hold a destination",
  async () => {
    await using server = await RedisServer.start();
    const prefix = "a*[b]?\\^:";
    const store = await openStore(server.url, { prefix });
    await server.ask("SET", `${prefix}alice`, "old");
    await server.ask("SET", `${prefix}nobody`, "");
    await server.ask("LPUSH", `${prefix}list`, "old");
    await server.ask("SET", "axxb?\\^:other", "old");
    await server.ask("SET", "route:other", "old");
    const { mappings } = await store.list(null, 100);
    assert.deepEqual(mappings, [{ identifier: "alice", destination: "old" }]);
    assert.equal(await store.get("nobody"), "");
    await assert.rejects(store.get("list"), { code: "bad-data" });
    assert.equal(store.health().serving, true, "it is the fault of one key");
    await store.close();
  },
);

needs(
  NEEDED,
  "RedisSource lists a hundred thousand keys while the server's table grows, with each page bounded",
  async () => {
    await using server = await RedisServer.start({
      settings: { appendonly: "no" },
    });
    const store = await openStore(server.url);
    const fill = (from: number, to: number) =>
      server.ask(
        "EVAL",
        "for i = ARGV[1], ARGV[2] do redis.call('SET', 'route:' .. i, 'old') end",
        "0",
        String(from),
        String(to),
      );
    await fill(1, 20_000);
    const seen = new Set<string>();
    let after: string | null = null;
    let pages = 0;
    do {
      const page: { mappings: readonly Mapping[]; next: string | null } =
        await store.list(after, 1000);
      assert.ok(page.mappings.length <= 1000);
      for (const { identifier } of page.mappings) seen.add(identifier);
      after = page.next;
      if (++pages === 5) await fill(20_001, 100_000);
    } while (after !== null);
    for (let i = 1; i <= 20_000; i++) assert.ok(seen.has(String(i)), String(i));
    await assert.rejects(store.list("nonsense", 10), { code: "conflict" });
    await store.close();
  },
);

needs(
  NEEDED,
  "RedisSource logs in, chooses a database, and says what is wrong with a password",
  async () => {
    await using server = await RedisServer.start({ password: "geheim@1" });
    const url = (login: string, path = "") =>
      `redis://${login}127.0.0.1:${server.port}${path}`;
    const store = await openStore(url(":geheim%401@", "/7"));
    await store.set("alice", "new");
    assert.equal(await server.ask("-n", "7", "GET", "route:alice"), "new");
    await store.close();
    const named = await openStore(url("default:geheim%401@"));
    assert.equal(await named.get("alice"), null);
    await named.close();
    for (
      const [login, path, problem] of [
        ["", "", /NOAUTH/],
        [":wrong@", "", /WRONGPASS/],
        ["nobody:geheim%401@", "", /WRONGPASS/],
        [":geheim%401@", "/77", /DB index/],
      ] as const
    ) {
      const refused = await openStore(url(login, path));
      assert.match(refused.health().problem ?? "", problem);
      assert.ok(!refused.health().problem!.includes("geheim"));
      await assert.rejects(refused.get("alice"), { code: "unavailable" });
      await refused.close();
    }
  },
);

needs(
  NEEDED,
  "RedisSource verifies a server by the authorities given, and its name",
  async () => {
    await using ground = await Ground.create();
    const good = await ground.authority.issue(["127.0.0.1"], { file: "redis" });
    const other = await ground.authority.issue(["other.test"], {
      file: "other",
    });
    const trustRoots = [ground.authority.pem];
    await using server = await RedisServer.start({ tls: good });
    const store = await openStore(server.url, { trustRoots });
    await store.set("alice", "new");
    assert.equal(await store.get("alice"), "new");
    await store.close();
    await using misnamed = await RedisServer.start({ tls: other });
    await using plain = await RedisServer.start();
    for (
      const [url, roots] of [
        [server.url, []],
        [misnamed.url, trustRoots],
        [plain.url.replace("redis:", "rediss:"), trustRoots],
      ] as const
    ) {
      const refused = await openStore(url, { trustRoots: roots });
      assert.match(
        refused.health().problem ?? "",
        /TLS handshake failed|in time/,
      );
      await refused.close();
    }
    // An attempt that hung in its handshake is ended a moment later.
    await until("the end of all attempts", () => !isConnected(plain.port));
  },
);

needs(
  NEEDED,
  "RedisSource answers lookups by a user who may do nothing else, whatever else is asked",
  async () => {
    await using server = await RedisServer.start();
    await server.ask(
      ...["ACL", "SETUSER", "reader", "on", ">secret", "~route:*", "+get"],
    );
    const told: string[] = [];
    const url = `redis://reader:secret@127.0.0.1:${server.port}`;
    const store = await openStore(url, { told });
    await assert.rejects(store.list(null, 10), {
      code: "bad-data",
      message: /^mappings cannot be listed: NOPERM/,
    });
    for (const writing of [store.set("alice", "new"), store.delete("alice")]) {
      await assert.rejects(writing, { code: "write-failed" });
    }
    assert.equal(await store.get("alice"), null);
    assert.deepEqual(told, []);
    await store.close();
  },
);

needs(
  NEEDED,
  "RedisSource tells a refused write from a server that is gone",
  async () => {
    await using full = await RedisServer.start({
      settings: { maxmemory: "1", "maxmemory-policy": "noeviction" },
    });
    await using main = await RedisServer.start();
    await using replica = await RedisServer.start({
      settings: { replicaof: `127.0.0.1 ${main.port}` },
    });
    for (
      const [server, why] of [[full, /OOM/], [replica, /READONLY/]] as const
    ) {
      const store = await openStore(server.url);
      const wave = new Map([["alice", "new"], ["bob", "new"]]);
      for (
        const writing of [store.set("alice", "new"), store.write(wave)]
      ) {
        await assert.rejects(writing, (error) => {
          assert.ok(error instanceof StoreError);
          assert.equal(error.code, "write-failed");
          assert.match(error.message, why);
          return true;
        });
      }
      assert.equal(await store.get("alice"), null, "reads are answered");
      assert.equal(await store.get("bob"), null);
      assert.equal(store.health().serving, true);
      await store.close();
    }
  },
);

needs(
  NEEDED,
  "RedisSource comes back with the server, after a kill and after a hang",
  async () => {
    await using server = await RedisServer.start();
    const told: string[] = [];
    const store = await openStore(server.url, { told, timeout: 2000 });
    await store.set("alice", "new");

    await server.kill();
    await assert.rejects(store.get("alice"), { code: "unavailable" });
    assert.match(store.health().problem ?? "", /refused|closed/);
    await server.run();
    await until("it is back", () => told.at(-1) === "up");
    assert.equal(await store.get("alice"), "new");

    server.signal("SIGSTOP");
    const asked = Array.from({ length: 2000 }, (_, i) => store.get(`u${i}`));
    for (const each of await Promise.allSettled(asked)) {
      assert.equal(each.status, "rejected");
    }
    await assert.rejects(store.set("bob", "new"), { code: "unavailable" });
    server.signal("SIGCONT");
    await until("it is back", () => told.at(-1) === "up");
    assert.equal(await store.get("alice"), "new");
    assert.equal(await store.get("bob"), null, "it was not even sent");
    await store.close();
  },
);

needs(
  NEEDED,
  "RedisSource takes another connection where the server has closed one",
  async () => {
    await using server = await RedisServer.start();
    const told: string[] = [];
    const store = await openStore(server.url, { told });
    await store.set("alice", "new");
    await server.ask("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
    const asked = Array.from({ length: 50 }, () => store.get("alice"));
    assert.deepEqual([...new Set(await Promise.all(asked))], ["new"]);
    assert.deepEqual(told, []);
    await store.close();
  },
);

needs(
  NEEDED,
  "RedisSource follows the master that Sentinels name",
  async () => {
    await using redis = await RedisSentinel.start();
    const { sentinel, servers: [first, second] } = redis;
    // One that nobody listens on comes first.
    const [dead] = freePorts(1);
    const store = await openStore(
      redis.url(`127.0.0.1:${dead},127.0.0.1:${sentinel.port}`),
    );
    await store.set("alice", "old");
    assert.equal(await first.ask("GET", "route:alice"), "old");
    await redis.failOver();
    await until(
      "the other is the master",
      async () =>
        await store.set("alice", "new").then(() => true, () => false) &&
        await second.ask("GET", "route:alice") === "new",
    );
    await store.close();
  },
);
