/** A Redis Cluster of the test's own: masters that share the slots, and replicas of them where asked for. */
import { freePorts } from "./ports.ts";
import { RedisServer } from "./redis.ts";
import { until } from "./wait.ts";

const SLOTS = 16_384;

export interface RedisClusterOptions {
  readonly password?: string;
  readonly settings?: Readonly<Record<string, string>>;
}

export class RedisCluster implements AsyncDisposable {
  readonly #replicas: RedisServer[] = [];

  private constructor(
    readonly nodes: readonly RedisServer[],
    private readonly options: RedisClusterOptions,
  ) {}

  /** Needs redis-server and redis-cli. */
  static async start(
    masters: number,
    options: RedisClusterOptions = {},
  ): Promise<RedisCluster> {
    const nodes: Node[] = [];
    for (let i = 0; i < masters; i++) nodes.push(await startNode(options));
    const cluster = new RedisCluster(
      nodes.map(({ server }) => server),
      options,
    );
    try {
      await cluster.#join(nodes.map(({ bus }) => bus));
      return cluster;
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Another node that takes the place of this one when it is gone; resolves when it has a copy. */
  async replicate(master: RedisServer): Promise<void> {
    const { server: replica, bus } = await startNode(this.options);
    this.#replicas.push(replica);
    await meet(master, replica, bus);
    const id = await master.ask("CLUSTER", "MYID");
    await until(
      "a replica",
      async () =>
        (await replica.ask("CLUSTER", "NODES")).includes(id) &&
        await replica.ask("CLUSTER", "REPLICATE", id) === "OK",
    );
    await until(
      "its copy",
      async () => /master_link_status:up/.test(await replica.ask("INFO")),
    );
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
    for (const [i, other] of others.entries()) {
      await meet(first!, other, buses[i + 1]!);
    }
    const knowsAll = async (node: RedisServer) => {
      const info = await node.ask("CLUSTER", "INFO");
      return /cluster_state:ok/.test(info) &&
        info.includes(`cluster_known_nodes:${count}`);
    };
    await until(
      "the cluster",
      async () => (await Promise.all(this.nodes.map(knowsAll))).every(Boolean),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const node of [...this.nodes, ...this.#replicas]) {
      await node[Symbol.asyncDispose]();
    }
  }
}

interface Node {
  readonly server: RedisServer;
  /** The port at which other nodes reach it. */
  readonly bus: number;
}

async function startNode(
  { password, settings = {} }: RedisClusterOptions,
): Promise<Node> {
  for (let left = 5;; left--) {
    const [bus] = freePorts(1);
    try {
      const server = await RedisServer.start({
        ...password !== undefined && { password },
        settings: {
          "cluster-enabled": "yes",
          "cluster-announce-ip": "127.0.0.1",
          "cluster-port": String(bus),
          "cluster-node-timeout": "2000",
          ...settings,
        },
      });
      return { server, bus: bus! };
    } catch (error) {
      // Somebody else has taken the port between the look at it and the bind.
      const isTaken = /already in use/.test((error as Error).message);
      if (left === 0 || !isTaken) throw error;
    }
  }
}

async function meet(one: RedisServer, other: RedisServer, bus: number) {
  const { port } = other;
  await one.ask("CLUSTER", "MEET", "127.0.0.1", String(port), String(bus));
}
