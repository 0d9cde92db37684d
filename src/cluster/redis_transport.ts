import type { Redis } from "ioredis";
import type { RedisAddress } from "../config/redis_url.ts";
import { connectClient, makeClient } from "../store/redis/client.ts";
import { lost } from "../store/redis/errors.ts";
import {
  BusFault,
  type BusLine,
  type BusTransport,
  type LineEvents,
} from "./transport.ts";

/** Publish and subscribe of Redis: a connection hears or speaks, so there are two. */
export class RedisTransport implements BusTransport {
  #turn = 0;

  constructor(
    private readonly address: RedisAddress,
    private readonly trustRoots: () => readonly string[],
  ) {}

  async connect(
    channels: readonly string[],
    events: LineEvents,
    signal: AbortSignal,
  ): Promise<BusLine> {
    const address = this.#server();
    const [hearing, speaking] = [this.#client(address), this.#client(address)];
    const clients = [hearing, speaking];
    let isOpen = true;
    let fault: unknown;
    const close = () => {
      isOpen = false;
      for (const client of clients) client.disconnect();
    };
    const ended = Promise.withResolvers<never>();
    ended.promise.catch(() => {});
    for (const client of clients) {
      client.on("error", (error) => fault ??= error);
      client.once("end", () => {
        const error = faultOf(fault);
        ended.reject(error);
        if (!isOpen) return;
        close();
        events.lost(error.message);
      });
    }
    hearing.on("message", (_channel, text: string) => events.message(text));
    const abort = () => {
      close();
      ended.reject(signal.reason);
    };
    signal.addEventListener("abort", abort, { once: true });
    const subscribed = async () => {
      await Promise.all(clients.map((each) => connectClient(each, address)));
      await hearing.subscribe(...channels);
    };
    try {
      await Promise.race([ended.promise, subscribed()]);
    } catch (error) {
      close();
      signal.throwIfAborted();
      throw error instanceof BusFault ? error : faultOf(fault ?? error);
    } finally {
      signal.removeEventListener("abort", abort);
    }
    return {
      async publish(channel, text) {
        try {
          await speaking.publish(channel, text);
        } catch (error) {
          throw faultOf(error);
        }
      },
      close,
    };
  }

  /** Of a cluster any node will do, each in turn: it tells the others. Channels belong to no database. */
  #server(): RedisAddress {
    const { hosts, isCluster } = this.address;
    const address = { ...this.address, isCluster: false, database: 0 };
    return isCluster
      ? { ...address, hosts: [hosts[this.#turn++ % hosts.length]!] }
      : address;
  }

  #client(address: RedisAddress): Redis {
    return makeClient(address, this.trustRoots) as Redis;
  }
}

function faultOf(error: unknown): BusFault {
  return new BusFault(lost(error).message);
}
