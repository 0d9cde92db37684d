import type { RedisHost } from "../../config/redis_url.ts";
import type { ByteStream } from "../../net/byte_stream.ts";
import { dial, type RawLeg } from "../../net/dial.ts";
import type { ClientSocket } from "../../net/node_client.ts";
import { StoreError } from "../store.ts";
import { RedisSocket } from "./socket.ts";
import { AbstractConnector } from "ioredis";

/** Which server to connect to; a signal ends the search. */
export type Finder = (signal: AbortSignal) => Promise<RedisHost>;

/**
 * Sockets for the library: encrypted and verified before it is given them, and closed at once when it has
 * no more use for them. `trustRoots` (PEM) is null for connections in clear.
 */
export class SocketConnector extends AbstractConnector {
  readonly #gone = new AbortController();
  /** Null while there is none, and while it shakes hands. */
  #socket: RedisSocket | null = null;

  constructor(
    private readonly find: Finder,
    private readonly trustRoots: readonly string[] | null,
    /** How long connecting may take, ms; undefined: until `disconnect`. */
    private readonly limit?: number,
  ) {
    super(0);
  }

  override async connect(): Promise<ClientSocket> {
    const signal = this.limit === undefined
      ? this.#gone.signal
      : AbortSignal.any([this.#gone.signal, AbortSignal.timeout(this.limit)]);
    const { host, port } = await this.find(signal);
    const trust = {
      kind: "authorities" as const,
      serverName: host,
      caCerts: this.trustRoots ?? [],
    };
    let raw: RawLeg;
    try {
      raw = await dial({ host, port, trust }, undefined, signal);
    } catch (error) {
      signal.throwIfAborted();
      throw (error as Error).cause;
    }
    const stream = this.trustRoots === null
      ? raw.stream
      : await secure(raw, signal);
    this.#socket = new RedisSocket(stream);
    if (signal.aborted) this.#socket.destroy();
    // The library uses nothing else of a socket.
    return this.#socket as unknown as ClientSocket;
  }

  override disconnect(): void {
    this.#gone.abort(new Error("the connection is not wanted any more"));
    this.#socket?.destroy();
  }

  /** Whether it is the server that was looked for: asked with the first command anyway. */
  override check(): boolean {
    return true;
  }
}

/** Throws StoreError, or the signal's reason. */
async function secure(raw: RawLeg, signal: AbortSignal): Promise<ByteStream> {
  const abort = () => raw.close();
  signal.addEventListener("abort", abort, { once: true });
  try {
    signal.throwIfAborted();
    return await raw.startTls();
  } catch (error) {
    raw.close();
    signal.throwIfAborted();
    throw new StoreError(
      "unavailable",
      `the TLS handshake failed: ${(error as Error).message}`,
    );
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
