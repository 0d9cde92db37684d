/** What a mapping store costs logins: one that is asked, and one that hangs. */
import { type Figures, type Group, load, row, warmUp } from "./bench.ts";
import type { Target } from "./client.ts";
import type { LoadEvent } from "./load.ts";
import { type Conversation, pause, type Running } from "./process.ts";
import { type Redis, startRedis } from "./redis.ts";

/** New accounts that log in each second, whether the store hangs or not. */
const RATE = 50;

/** `[mapping] lookup_timeout` by default, ms. */
const LOOKUP_TIMEOUT = 5000;

/** Long enough for logins that wait for a lookup, that go on without it, and that find the store down. */
const WINDOW_MS = 15_000;

export const stores: Group = {
  name: "stores",
  once: false,
  subjects: ["mailferry-implicit"],
  rows: [
    row("hitP50", "login latency ms, its lookup hits the cache, p50", 2),
    row("hitP99", "login latency ms, its lookup hits the cache, p99", 2),
    row("missP50", "login latency ms, its lookup asks Redis, p50", 2),
    row("missP99", "login latency ms, its lookup asks Redis, p99", 2),
    row("missAdded", "ms that asking Redis adds to a login, p50", 2),
    row("calmP50", "cached login latency ms, Redis answers, p50", 2),
    row("calmP99", "cached login latency ms, Redis answers, p99", 2),
    row("hangP50", "cached login latency ms, Redis hangs, p50", 2),
    row("hangP99", "cached login latency ms, Redis hangs, p99", 2),
    row("hangRatio", "p99 of cached logins, Redis hangs to answers", 2),
    row("hangCount", "cached logins measured while Redis hangs", 0),
    row("hangFailed", "logins of new accounts failed while Redis hangs", 0),
  ],
  measure: async (bench) => {
    await using redis = await startRedis(bench.scene.folder);
    const { lookups, windows } = bench.sizes;
    await redis.map("user", 50, "backend");
    await redis.map("new", lookups + windows * 1000 * RATE, "backend");
    return await bench.with({ redis: redis.port }).serve(
      async (target, proxy) => {
        await warmUp(target, proxy);
        const { event: _, ...figures } = await load(
          { target, task: "lookups", count: lookups },
          async (talk) => {
            await talk.go();
            return await talk.next<LoadEvent>();
          },
        );
        const { hitP50, missP50 } = figures;
        return {
          ...figures as Figures,
          missAdded: Number(missP50) - Number(hitP50),
          ...await hang(target, proxy, redis, windows, lookups),
        };
      },
    );
  },
};

/** Cached logins in windows, Redis hanging in every other one, while new accounts log in all the time. */
function hang(
  target: Target,
  proxy: Running,
  redis: Redis,
  windows: number,
  from: number,
): Promise<Figures> {
  const cached = { target, task: "windows", windows, ms: WINDOW_MS } as const;
  const others = { target, task: "uncached", rate: RATE, from } as const;
  return load(others, (background) =>
    load(cached, async (talk) => {
      let failed = 0;
      let done: LoadEvent = { event: "" };
      for (let i = 0; i < windows; i++) {
        const hangs = i % 2 === 1;
        const ups = await timesUp(proxy);
        await step(background);
        if (hangs) redis.hang();
        await talk.go();
        done = await talk.next<LoadEvent>();
        const meanwhile = await step(background);
        const waited = Number(meanwhile["longest"]) >= LOOKUP_TIMEOUT;
        if (waited !== hangs) {
          throw new Error(`${hangs ? "no" : "a"} lookup waited for its limit`);
        }
        if (!hangs) continue;
        failed += Number(meanwhile["failed"]);
        redis.resume();
        while (await timesUp(proxy) === ups) await pause(50);
        // What the return of the store sets off is no part of the next window.
        await pause(1000);
      }
      return {
        calmP50: Number(done["evenP50"]),
        calmP99: Number(done["evenP99"]),
        hangP50: Number(done["oddP50"]),
        hangP99: Number(done["oddP99"]),
        hangRatio: Number(done["oddP99"]) / Number(done["evenP99"]),
        hangCount: Number(done["odd"]),
        hangFailed: failed,
      };
    }));
}

/** What the load in the background did since the step before. */
async function step(background: Conversation): Promise<LoadEvent> {
  await background.go();
  return await background.next<LoadEvent>();
}

/** How often the proxy has said that the store is back. */
async function timesUp(proxy: Running): Promise<number> {
  return (await proxy.log()).split('"store_up"').length;
}
