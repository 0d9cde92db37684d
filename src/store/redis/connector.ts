import type { RedisHost } from "../../config/redis_url.ts";
import {
  type ClientSocket,
  connectNode,
  secureNode,
} from "../../net/node_client.ts";
import { StoreError } from "../store.ts";
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
  #socket: ClientSocket | null = null;

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
    const target = await this.find(signal);
    const socket = await connectNode(target, signal);
    if (this.trustRoots === null) return this.#socket = socket;
    const trust = {
      host: target.host,
      verification: "full" as const,
      roots: this.trustRoots,
    };
    try {
      return this.#socket = await secureNode(socket, trust, signal);
    } catch (error) {
      throw new StoreError(
        "unavailable",
        `the TLS handshake failed: ${(error as Error).message}`,
      );
    }
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
