/** Traffic at two proxies of a cluster while accounts move, the bus hangs and a proxy is replaced. */
import assert from "node:assert/strict";
import { ClusterStage } from "../support/cluster_stage.ts";
import type { ImapClient } from "../support/imap_client.ts";
import type { Mailferry } from "../support/mailferry.ts";
import { RedisServer } from "../support/redis.ts";
import { needs } from "../support/requirements.ts";
import { ALICE, BOB } from "../support/stage.ts";
import { pause, until, within } from "../support/wait.ts";

const MOVES = 15;
const CLIENTS = 3;

/** Where the account is. */
interface Whereabouts {
  server: "old" | "new";
  /** Goes up when a move begins and when it is done everywhere: odd while one is under way. */
  epoch: number;
}

/** Ask again and again until the session ends; an answer between two moves comes from the right server. */
async function useUntilKicked(
  client: ImapClient,
  now: Whereabouts,
  wrong: string[],
): Promise<void> {
  for (;;) {
    const { epoch } = now;
    const answer = await client.transact("NOOP").catch(() => null);
    if (answer === null || answer.status === "") return;
    const isSettled = epoch % 2 === 0 && epoch === now.epoch;
    if (isSettled && answer.text !== `NOOP ${now.server}`) {
      wrong.push(`${answer.text} instead of ${now.server}`);
      return;
    }
    await pause(4);
  }
}

needs(
  ["redis-server"],
  "an account that is moved at one proxy and the other in turn is never served by the wrong server",
  async () => {
    await using redis = await RedisServer.start();
    await using stage = await ClusterStage.create({
      bus: "redis",
      url: redis.url,
    });
    const proxies = [stage.a, stage.b];
    const now: Whereabouts = { server: "old", epoch: 0 };
    const wrong: string[] = [];
    let logins = 0;
    let isOver = false;
    const clients = proxies.flatMap((proxy) =>
      Array.from({ length: CLIENTS }, async () => {
        while (!isOver) {
          const session = await stage.loggedIn(proxy, ALICE).catch(() => null);
          if (session === null) continue;
          logins++;
          using client = session.client;
          await useUntilKicked(client, now, wrong);
        }
      })
    );
    const everywhere = async (what: () => Promise<string>) =>
      await until(
        "an answer of all",
        async () => !/not reached/.test(await what()),
      );
    const kick = (proxy: Mailferry) =>
      proxy.ask("POST", `/connections/kick?identifier=${ALICE}`);
    try {
      for (let i = 0; i < MOVES; i++) {
        const seen = logins;
        await until("logins before a move", () => logins >= seen + 3);
        const proxy = proxies[i % 2]!;
        const to = now.server === "old" ? "new" : "old";
        now.epoch++;
        await everywhere(() => proxy.move(ALICE, to));
        await everywhere(() => kick(proxy));
        now.server = to;
        now.epoch++;
      }
    } finally {
      isOver = true;
      let isLeft = false;
      void Promise.allSettled(clients).then(() => isLeft = true);
      // Again for one that logs in at this moment.
      await until("the end of all sessions", async () => {
        await kick(stage.a);
        return isLeft;
      });
    }
    assert.deepEqual(wrong, []);
  },
);

needs(
  ["redis-server"],
  "logins go on while the bus hangs, dies and comes back",
  async () => {
    await using redis = await RedisServer.start();
    await using stage = await ClusterStage.create({
      bus: "redis",
      url: redis.url,
    });
    const { a, b } = stage;
    let isOver = false;
    let logins = 0;
    const traffic = [a, b].map(async (proxy) => {
      while (!isOver) {
        assert.equal(await stage.whereIs(proxy, BOB), "new");
        logins++;
      }
    });
    const more = async () => {
      const seen = logins;
      await until("more logins", () => logins >= seen + 10);
    };
    try {
      await more();
      redis.signal("SIGSTOP");
      for (const proxy of [a, b]) await proxy.event("cluster_down");
      await more();
      redis.signal("SIGCONT");
      await stage.together();
      await more();
      await redis.kill();
      await more();
      await redis.run();
      await stage.together();
      await more();
    } finally {
      isOver = true;
      await Promise.allSettled(traffic);
    }
    await Promise.all(traffic);
  },
);

needs(
  ["redis-server"],
  "a proxy that was taken over from is still reached, by way of its successor",
  async () => {
    await using redis = await RedisServer.start();
    const folder = await Deno.makeTempDir({ prefix: "mailferry-socket-" });
    const socket = `${folder}/s`;
    try {
      await using stage = await ClusterStage.create(
        { bus: "redis", url: redis.url },
        {
          b: {
            runtime: {
              socket: [{
                path: socket,
                level: "admin",
                expose_listeners: true,
              }],
            },
          },
        },
      );
      const { a, b } = stage;
      using client = (await stage.loggedIn(b, ALICE)).client;
      await using next = await b.successor(socket);
      await until("two members", async () => {
        const { members } = await stage.cluster(a);
        const views = await stage.cluster(next);
        return members.length === 2 && views.members.length === 2;
      });
      await stage.move(a, ALICE, "new");
      await stage.kick(a, ALICE, 1);
      await within("the end of the session", client.drain());
      assert.equal((await b.ended(client)).reason, "kicked");
      assert.equal(await stage.whereIs(next, ALICE), "new");
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
);
