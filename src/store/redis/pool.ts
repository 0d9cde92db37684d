import type { RedisAddress } from "../../config/redis_url.ts";
import { CONNECT_MS } from "../remote/source.ts";
import { StoreError } from "../store.ts";
import { connectClient, makeClient, type RedisClient } from "./client.ts";
import { isAnswer, lost } from "./errors.ts";
import { Cluster } from "ioredis";

export interface RedisPoolOptions {
  readonly address: RedisAddress;
  /** At most so many connections; of a cluster, to each node. */
  readonly size: number;
  /** PEM of the authorities that a server is verified with. */
  readonly trustRoots: () => readonly string[];
}

interface Line {
  readonly client: RedisClient;
  readonly ready: Promise<unknown>;
  isReady: boolean;
  underWay: number;
  /** What the library still works on, answered or given up by whoever asked. */
  readonly asked: Set<Promise<unknown>>;
  /** What became of the connection; it says more than the failure of a command that was under way on it. */
  fault: unknown;
  /** It is closed, and the library has put down what it had begun with it. */
  readonly ended: Promise<void>;
}

/**
 * Connections to Redis, made when there is work for them. One on which something was not answered in
 * time, or that broke, is thrown away with all that was under way on it: nothing connects again by itself.
 * Those to a cluster are kept as long as one of its nodes is there.
 */
export class RedisPool {
  readonly #lines = new Set<Line>();
  readonly #closing = new Set<Line>();

  constructor(private readonly options: RedisPoolOptions) {}

  /** Throws what the server answers, or StoreError ("unavailable"). */
  async run<T>(
    signal: AbortSignal,
    ask: (client: RedisClient) => Promise<T>,
  ): Promise<T> {
    signal.throwIfAborted();
    const line = this.#pick();
    const { promise: givenUp, reject } = Promise.withResolvers<never>();
    givenUp.catch(() => {});
    const abort = () => {
      if (isCluster(line)) reject(signal.reason);
      else this.#retire(line);
    };
    signal.addEventListener("abort", abort, { once: true });
    line.underWay++;
    try {
      await line.ready;
      const asked = ask(line.client).finally(() => line.asked.delete(asked));
      line.asked.add(asked);
      return await Promise.race([asked, givenUp]);
    } catch (error) {
      if (line.isReady && isAnswer(error)) throw error;
      if (isCluster(line)) throw lost(error);
      this.#retire(line);
      throw lost(line.fault ?? error);
    } finally {
      line.underWay--;
      signal.removeEventListener("abort", abort);
    }
  }

  /** Close all connections; commands under way fail. */
  drop(): void {
    for (const line of this.#lines) this.#retire(line);
  }

  async close(): Promise<void> {
    this.drop();
    await Promise.all([...this.#closing].map(({ ended }) => ended));
  }

  /** The idlest one; one more where all have work and there may be more. */
  #pick(): Line {
    let idlest: Line | undefined;
    for (const line of this.#lines) {
      if (!idlest || line.underWay < idlest.underWay) idlest = line;
    }
    const mayOpen = this.#lines.size < this.options.size;
    return idlest && (idlest.underWay === 0 || !mayOpen)
      ? idlest
      : this.#open();
  }

  #open(): Line {
    const { address, trustRoots } = this.options;
    const client = makeClient(address, trustRoots);
    const { promise: ended, resolve: end } = Promise.withResolvers<void>();
    const line: Line = {
      client,
      ready: connectClient(client, address).then(() => line.isReady = true),
      isReady: false,
      underWay: 0,
      asked: new Set(),
      fault: undefined,
      ended,
    };
    const giveUp = setTimeout(() => {
      line.fault ??= new StoreError(
        "unavailable",
        "no connection could be made in time",
      );
      this.#retire(line);
    }, CONNECT_MS);
    line.ready.catch(() => {}).finally(() => clearTimeout(giveUp));
    client.on("error", (fault) => line.fault ??= fault);
    client.once("end", async () => {
      this.#lines.delete(line);
      this.#closing.add(line);
      await putDown(line);
      this.#closing.delete(line);
      end();
    });
    this.#lines.add(line);
    return line;
  }

  #retire(line: Line): void {
    if (!this.#lines.delete(line)) return;
    this.#closing.add(line);
    line.client.disconnect();
  }
}

/** A cluster's client looks for nodes, and asks again in a moment, on its own account. */
async function putDown({ client, asked }: Line): Promise<void> {
  await Promise.allSettled(asked);
  if (!(client instanceof Cluster)) return;
  // Answered at once, or with the look that is under way.
  await new Promise<void>((resolve) =>
    client.refreshSlotsCache(() => resolve())
  );
}

/** One node that is away, or hangs, takes nothing from the others. */
function isCluster({ client, isReady }: Line): boolean {
  return isReady && client instanceof Cluster && client.status === "ready";
}
