/** The bus over a Redis that is more than one server. */
import assert from "node:assert/strict";
import { ClusterStage } from "../support/cluster_stage.ts";
import { RedisServer } from "../support/redis.ts";
import { RedisCluster } from "../support/redis_cluster.ts";
import { RedisSentinel } from "../support/redis_sentinel.ts";
import { needs } from "../support/requirements.ts";
import { ALICE } from "../support/stage.ts";
import { within } from "../support/wait.ts";

const NEEDED = ["redis-server", "redis-cli"];

/** A move at one proxy is one at the other. */
async function assertTogether(stage: ClusterStage, from: string, to: string) {
  const { a, b } = stage;
  const { client, backend } = await stage.loggedIn(b, ALICE);
  assert.equal(backend, from);
  await stage.move(a, ALICE, to);
  await stage.kick(a, ALICE, 1);
  await within("the end of the session", client.drain());
  client.close();
  assert.equal(await stage.whereIs(b, ALICE), to);
}

needs(
  NEEDED,
  "the bus over a cluster: each proxy at a node of its own, and at another one when that is gone",
  async () => {
    await using redis = await RedisCluster.start(3, {
      password: "a-password",
      settings: { masterauth: "a-password" },
    });
    const [first, second, third] = redis.nodes as [
      RedisServer,
      RedisServer,
      RedisServer,
    ];
    await using stage = await ClusterStage.create(
      { bus: "redis", url: redis.url([first, second]) },
      { b: { cluster: { url: redis.url([third, second]) } } },
    );
    await assertTogether(stage, "old", "new");
    await third.kill();
    await stage.b.event("cluster_down");
    await stage.together();
    await assertTogether(stage, "new", "old");
  },
);

needs(
  NEEDED,
  "the bus over Sentinels: both proxies follow the master to another server",
  async () => {
    await using redis = await RedisSentinel.start();
    await using stage = await ClusterStage.create({
      bus: "redis",
      url: redis.url(),
    });
    await assertTogether(stage, "old", "new");
    await redis.failOver();
    // The server that was the master throws its clients out.
    for (const proxy of [stage.a, stage.b]) {
      await proxy.event("cluster_down");
    }
    await stage.together();
    await assertTogether(stage, "new", "old");
  },
);
