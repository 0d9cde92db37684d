/** The usual set-up of an HTTP scenario: fake backends "old" and "new", and a proxy before them. */
import {
  FakeHttpBackend,
  type HttpBackendOptions,
} from "./fake_http_backend.ts";
import { HttpClient, type RequestParts } from "./http_client.ts";
import type { SeenResponse } from "./http_client.ts";
import { Mailferry } from "./mailferry.ts";
import { Ground, merge, PASSWORD, type Table } from "./proxy_config.ts";
import { ALICE, BOB } from "./stage.ts";

export { ALICE, BOB, PASSWORD };

/** Who asks is found in Authorization, whatever the path; others go to the default destination. */
export const BY_AUTHORIZATION: Table = {
  match: "/**",
  extract: { from: "authorization" },
  fallback: "default",
};

export interface HttpStageOptions {
  /** Merged over the base configuration. */
  readonly config?: Table;
  /** Merged over both destinations. */
  readonly destination?: Table;
  readonly backend?: Omit<HttpBackendOptions, "name" | "certificate">;
  /** Legs with TLS. */
  readonly tls?: boolean;
  /** In place of BY_AUTHORIZATION. */
  readonly routes?: readonly Table[];
  readonly mappings?: Readonly<Record<string, string>>;
}

/** alice is on "old", the default; bob is on "new". */
export class HttpStage implements AsyncDisposable {
  private constructor(
    readonly ground: Ground,
    readonly old: FakeHttpBackend,
    readonly new_: FakeHttpBackend,
    readonly proxy: Mailferry,
  ) {}

  static async create(options: HttpStageOptions = {}): Promise<HttpStage> {
    const { tls = false, destination = {}, routes = [BY_AUTHORIZATION] } =
      options;
    const ground = await Ground.create();
    const certificate = await ground.authority.issue(["backend.test"]);
    const [old, new_] = ["old", "new"].map((name) =>
      new FakeHttpBackend({
        name,
        ...options.backend,
        ...(tls && { certificate }),
      })
    ) as [FakeHttpBackend, FakeHttpBackend];
    const leg = ({ port }: FakeHttpBackend) =>
      merge({
        host: "127.0.0.1",
        proxy_protocol: false,
        ...(tls
          ? { tls_server_name: "backend.test" }
          : { allow_plaintext_auth: true }),
        protocol: { http: { port, tls: tls ? "implicit" : "plain" } },
      }, destination);
    const listener = (tls: string) => ({
      protocol: "http",
      bind: ["127.0.0.1:0"],
      tls,
    });
    const config: Table = {
      listener: {
        imap: undefined,
        imaps: undefined,
        https: listener("implicit"),
        http: listener("plain"),
      },
      destination: { old: leg(old), new: leg(new_) },
      http: { route: [...routes] },
    };
    try {
      const proxy = await Mailferry.start({
        ground,
        config: merge(config, options.config ?? {}),
        mappings: options.mappings ?? { [ALICE]: "old", [BOB]: "new" },
      });
      return new HttpStage(ground, old, new_, proxy);
    } catch (error) {
      await HttpStage.#close(old, new_, ground);
      throw error;
    }
  }

  /** A client of the listener without TLS. */
  client(listener = "http"): Promise<HttpClient> {
    return HttpClient.plain(this.proxy.listener(listener));
  }

  /** A client of the listener with TLS. */
  secureClient(alpn: readonly string[] = []): Promise<HttpClient> {
    const { proxy } = this;
    return HttpClient.tls(proxy.listener("https"), proxy.ca, alpn);
  }

  /** One request over a connection of its own. */
  async ask(
    method: string,
    target: string,
    parts: RequestParts = {},
  ): Promise<SeenResponse> {
    using client = await this.client();
    return await client.ask(method, target, parts);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.proxy[Symbol.asyncDispose]();
    } finally {
      await HttpStage.#close(this.old, this.new_, this.ground);
    }
  }

  static async #close(...things: AsyncDisposable[]): Promise<void> {
    for (const thing of things) await thing[Symbol.asyncDispose]();
  }
}
