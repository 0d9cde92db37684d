/** HTTPS on one address, with a certificate that can be replaced. */
import { listenersAt, steer, steerNoMore } from "../net/reuseport.ts";
import type { SocketAddress } from "../port/snapshot.ts";

export interface KeyPair {
  readonly certPem: string;
  readonly keyPem: string;
}

/** Who has connected has sent the request by then. */
const LINGER_MS = 1000;
/**
 * How long requests under way may take once their server is to end. The runtime can lose one that came
 * at that moment over HTTP/2: it is neither answered nor ended, and would be waited for without end.
 */
const PATIENCE_MS = 10_000;

/** One server of the runtime, which keeps its certificate for life. */
type Server = Deno.HttpServer<Deno.NetAddr>;

export class HttpsServer {
  readonly address: SocketAddress;
  #current: Server;
  /** What is served, and what is wanted. */
  #shown: KeyPair;
  #wanted: KeyPair;
  /** Servers are replaced one after the other. */
  #replacing: Promise<void> | null = null;
  readonly #closed = Promise.withResolvers<void>();
  #isClosed = false;

  /** Throws what Deno throws where the address cannot be bound. */
  constructor(
    private readonly bind: SocketAddress,
    pair: KeyPair,
    private readonly handler: Deno.ServeHandler<Deno.NetAddr>,
    private readonly onError: (error: unknown) => Response,
  ) {
    this.#shown = this.#wanted = pair;
    this.#current = this.#serve(bind.port, pair);
    const { hostname, port } = this.#current.addr;
    this.address = { hostname, port };
  }

  /** Show another certificate to whoever connects from now on, or as soon as the one before is shown alone. */
  replace(pair: KeyPair): void {
    this.#wanted = pair;
    this.#replacing ??= this.#replaceAll().finally(() =>
      this.#replacing = null
    );
  }

  /** Resolves when the certificate that was asked for last is the only one that is served. */
  async replaced(): Promise<void> {
    await this.#replacing;
  }

  /** Stops accepting and waits, within bounds, for the requests under way. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#closed.resolve();
    await Promise.all([this.#replacing, end(this.#current)]);
  }

  async #replaceAll(): Promise<void> {
    while (!this.#isClosed && !isSame(this.#shown, this.#wanted)) {
      this.#shown = this.#wanted;
      await this.#replaceOne(this.#shown);
    }
  }

  /** The second server shares the port for a moment; new connections are its own. */
  async #replaceOne(pair: KeyPair): Promise<void> {
    const { address } = this;
    const old = this.#current;
    this.#current = this.#serve(address.port, pair);
    const [sockets = 1] = listenersAt([address]);
    steer([{ address, from: sockets - 1, count: 1 }]);
    let timer: ReturnType<typeof setTimeout> | undefined;
    const lingered = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, LINGER_MS);
    });
    await Promise.race([lingered, this.#closed.promise]);
    clearTimeout(timer);
    await end(old);
    steerNoMore([address]);
  }

  #serve(port: number, { certPem, keyPem }: KeyPair): Server {
    return Deno.serve({
      hostname: this.bind.hostname,
      port,
      cert: certPem,
      key: keyPem,
      reusePort: true,
      onListen: () => {},
      onError: this.onError,
    }, this.handler);
  }
}

/** Let it finish what it is at, within bounds. */
async function end(server: Server): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, PATIENCE_MS);
  });
  await Promise.race([server.shutdown(), late]);
  clearTimeout(timer);
}

function isSame(a: KeyPair, b: KeyPair): boolean {
  return a.certPem === b.certPem && a.keyPem === b.keyPem;
}
