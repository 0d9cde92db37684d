import { isIP } from "node:net";
import { Redis } from "ioredis";
import type { RedisAddress } from "../config/redis_url.ts";
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
    const clients = [this.#client(), this.#client()] as const;
    const [hearing, speaking] = clients;
    let isOpen = true;
    let fault: Error | null = null;
    const close = () => {
      isOpen = false;
      for (const client of clients) client.disconnect();
    };
    const lost = Promise.withResolvers<never>();
    lost.promise.catch(() => {});
    for (const client of clients) {
      client.on("error", (error: Error) => fault ??= error);
      client.once("end", () => {
        const error = new BusFault(reasonOf(fault));
        lost.reject(error);
        if (!isOpen) return;
        close();
        events.lost(error.message);
      });
    }
    hearing.on("message", (_channel, text: string) => events.message(text));
    const abort = () => {
      close();
      lost.reject(signal.reason);
    };
    signal.addEventListener("abort", abort, { once: true });
    try {
      await Promise.race([
        lost.promise,
        Promise.all(clients.map((client) => this.#logIn(client))),
      ]);
      await Promise.race([lost.promise, hearing.subscribe(...channels)]);
    } catch (error) {
      close();
      signal.throwIfAborted();
      throw error instanceof BusFault
        ? error
        : new BusFault(reasonOf(fault ?? error as Error));
    } finally {
      signal.removeEventListener("abort", abort);
    }
    return {
      async publish(channel, text) {
        try {
          await speaking.publish(channel, text);
        } catch (error) {
          throw new BusFault(reasonOf(error as Error));
        }
      },
      close,
    };
  }

  /** Of a cluster any node will do: it tells the others. */
  #client(): Redis {
    const { hosts, sentinel, tls, isCluster } = this.address;
    const host = hosts[isCluster ? this.#turn++ % hosts.length : 0]!;
    const trust = (name?: string) =>
      tls
        ? {
          tls: {
            ca: [...this.trustRoots()],
            // A name goes into the handshake, an address must not (RFC 6066 section 3).
            ...name !== undefined && isIP(name) === 0 && { servername: name },
          },
        }
        : {};
    const common = {
      lazyConnect: true,
      // The bus comes back by itself, with a connection that is new in all respects.
      retryStrategy: null,
      autoResubscribe: false,
      autoResendUnfulfilledCommands: false,
      enableOfflineQueue: false,
      enableReadyCheck: false,
      disableClientInfo: true,
      maxRetriesPerRequest: 0,
      protocol: 2 as const,
    };
    if (!sentinel) {
      return new Redis({ ...common, ...host, ...trust(host.host) });
    }
    return new Redis({
      ...common,
      ...trust(),
      sentinels: [...hosts],
      name: sentinel.master,
      ...sentinel.username !== undefined &&
        { sentinelUsername: sentinel.username },
      ...sentinel.password !== undefined &&
        { sentinelPassword: sentinel.password },
      sentinelRetryStrategy: () => null,
      enableTLSForSentinelMode: tls,
    });
  }

  async #logIn(client: Redis): Promise<void> {
    const { username, password } = this.address;
    await client.connect();
    if (password === undefined) return;
    await (username === undefined
      ? client.auth(password)
      : client.auth(username, password));
  }
}

/** One line that names no address. */
function reasonOf(error: (Error & { code?: unknown }) | null): string {
  const { message = "", code } = error ?? {};
  if (/^(NOAUTH|WRONGPASS|ERR invalid password)/.test(message)) {
    return "the login is refused: wrong user or password";
  }
  if (/without any password|no password is set/.test(message)) {
    return "the login is refused: the server knows no password";
  }
  if (/^NOPERM/.test(message)) return "the user may not use these channels";
  if (code === "ECONNREFUSED") return "connection refused";
  if (code === "ENOTFOUND") return "the host's name is not known";
  if (/certificate/i.test(message)) return "its certificate is not trusted";
  return "the connection broke";
}
