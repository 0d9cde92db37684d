/** Two Redis servers, one the copy of the other, and a Sentinel that knows which. Needs redis-server and redis-cli. */
import { RedisServer } from "./redis.ts";
import { until } from "./wait.ts";

export class RedisSentinel implements AsyncDisposable {
  private constructor(
    readonly sentinel: RedisServer,
    /** The first one is the master at the start. */
    readonly servers: readonly [RedisServer, RedisServer],
  ) {}

  static async start(): Promise<RedisSentinel> {
    const first = await RedisServer.start();
    const second = await RedisServer.start({
      settings: { replicaof: `127.0.0.1 ${first.port}` },
    });
    await until(
      "the copy",
      async () => /master_link_status:up/.test(await second.ask("INFO")),
    );
    const sentinel = await RedisServer.start({
      mode: "sentinel",
      settings: {
        "sentinel monitor": `main 127.0.0.1 ${first.port} 1`,
        "sentinel down-after-milliseconds": "main 60000",
      },
    });
    const started = new RedisSentinel(sentinel, [first, second]);
    await until(
      "the Sentinel knows both",
      async () => /num-slaves\n1\n/.test(await started.#view()),
      90_000,
    );
    return started;
  }

  url(hosts = `127.0.0.1:${this.sentinel.port}`): string {
    return `redis+sentinel://${hosts}/main`;
  }

  /** Make the other one the master. */
  async failOver(): Promise<void> {
    const before = await this.#masterPort();
    await until(
      "another master",
      async () => {
        if (await this.#masterPort() !== before) return true;
        // It refuses, or gives up, where it has not heard of the other one for a while.
        if (!(await this.#view()).includes("failover_in_progress")) {
          await this.sentinel.ask("SENTINEL", "FAILOVER", "main");
        }
        return false;
      },
      90_000,
    );
  }

  async #masterPort(): Promise<string> {
    const ask = ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", "main"];
    return (await this.sentinel.ask(...ask)).split(/\r?\n/)[1]!;
  }

  async #view(): Promise<string> {
    const view = await this.sentinel.ask("SENTINEL", "MASTER", "main");
    return view.replaceAll("\r", "");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const each of [this.sentinel, ...this.servers]) {
      await each[Symbol.asyncDispose]();
    }
  }
}
