/** A Redis Cluster of the test's own: masters that share the slots, each with a replica where asked for. */
import { freePorts } from "./ports.ts";
import { RedisServer } from "./redis.ts";
import { until } from "./wait.ts";

const SLOTS = 16_384;

export interface RedisClusterOptions {
  readonly password?: string;
  readonly settings?: Readonly<Record<string, string>>;
}

export class RedisCluster implements AsyncDisposable {
  private constructor(readonly nodes: readonly RedisServer[]) {}

  /** Needs redis-server and redis-cli. */
  static async start(
    masters: number,
    { password, settings = {} }: RedisClusterOptions = {},
  ): Promise<RedisCluster> {
    const buses = freePorts(masters);
    const nodes = await Promise.all(
      buses.map((bus) =>
        RedisServer.start({
          ...password !== undefined && { password },
          settings: {
            "cluster-enabled": "yes",
            "cluster-announce-ip": "127.0.0.1",
            "cluster-port": String(bus),
            "cluster-node-timeout": "2000",
            ...settings,
          },
        })
      ),
    );
    const cluster = new RedisCluster(nodes);
    try {
      await cluster.#join(buses);
      return cluster;
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The address that names these nodes, or all. */
  url(nodes: readonly RedisServer[] = this.nodes): string {
    const { protocol, username, password } = new URL(nodes[0]!.url);
    const hosts = nodes.map(({ port }) => `127.0.0.1:${port}`).join(",");
    const login = password === "" ? "" : `${username}:${password}@`;
    return `${protocol.replace(":", "+cluster:")}//${login}${hosts}`;
  }

  /** The node that keeps this key. */
  async nodeOf(key: string): Promise<RedisServer> {
    const slot = Number(await this.nodes[0]!.ask("CLUSTER", "KEYSLOT", key));
    return this.nodes[Math.floor(slot / SLOTS * this.nodes.length)]!;
  }

  async #join(buses: readonly number[]): Promise<void> {
    const [first, ...others] = this.nodes;
    const count = this.nodes.length;
    const share = (i: number) => Math.ceil(SLOTS * i / count);
    for (const [i, node] of this.nodes.entries()) {
      const range = [share(i), share(i + 1) - 1].map(String);
      await node.ask("CLUSTER", "ADDSLOTSRANGE", ...range);
    }
    for (const [i, { port }] of others.entries()) {
      const bus = String(buses[i + 1]);
      await first!.ask("CLUSTER", "MEET", "127.0.0.1", String(port), bus);
    }
    const knowsAll = async (node: RedisServer) => {
      const info = await node.ask("CLUSTER", "INFO");
      return /cluster_state:ok/.test(info) &&
        info.includes(`cluster_known_nodes:${count}`);
    };
    await until(
      "the cluster",
      async () => (await Promise.all(this.nodes.map(knowsAll))).every(Boolean),
      30_000,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const node of this.nodes) await node[Symbol.asyncDispose]();
  }
}
