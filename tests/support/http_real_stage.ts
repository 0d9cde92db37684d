/** Real servers for HTTP: nginx as "old", the default, and another as "new"; a proxy before them. */
import assert from "node:assert/strict";
import { Mailferry } from "./mailferry.ts";
import { Nginx } from "./nginx.ts";
import { Ground, merge, type Table } from "./proxy_config.ts";
import { ALICE, BOB } from "./stage.ts";

/** A server that can be a destination. */
export interface HttpServer extends AsyncDisposable {
  destination(): Table;
}

/** Challenges are answered by the old server, mail of an account is where the account is, all else is the old server's. */
const ROUTES = [
  { match: "/.well-known/acme-challenge/**", destination: "default" },
  {
    match: "/{.well-known/jmap,jmap,jmap/**,mine/**}",
    extract: { from: "authorization" },
    fallback: "new",
  },
  { match: "/**", destination: "old" },
];

/** alice is on "old", bob is on "new". */
export class HttpRealStage<New extends HttpServer> implements AsyncDisposable {
  private constructor(
    readonly ground: Ground,
    readonly old: Nginx,
    readonly new_: New,
    readonly proxy: Mailferry,
    private readonly started: readonly AsyncDisposable[],
  ) {}

  static async create<New extends HttpServer>(
    startNew: (ground: Ground) => Promise<New>,
    config: Table = {},
  ): Promise<HttpRealStage<New>> {
    const started: AsyncDisposable[] = [];
    const keep = <T extends AsyncDisposable>(thing: T): T => {
      started.unshift(thing);
      return thing;
    };
    try {
      const ground = keep(await Ground.create());
      const { folder, authority } = ground;
      const old = keep(await Nginx.start({ name: "old", folder, authority }));
      const new_ = keep(await startNew(ground));
      const listener = (tls: string) => ({
        protocol: "http",
        bind: ["127.0.0.1:0"],
        tls,
      });
      const proxy = keep(
        await Mailferry.start({
          ground,
          mappings: { [ALICE]: "old", [BOB]: "new" },
          config: merge({
            listener: {
              imap: undefined,
              imaps: undefined,
              https: listener("implicit"),
              http: listener("plain"),
            },
            destination: {
              old: old.destination(),
              new: new_.destination(),
            },
            http: { route: ROUTES },
          }, config),
        }),
      );
      return new HttpRealStage(ground, old, new_, proxy, started);
    } catch (error) {
      await HttpRealStage.#end(started);
      throw error;
    }
  }

  /** Where clients come in: scheme, host and port. */
  url(listener: "https" | "http" = "https"): string {
    return `${listener}://127.0.0.1:${this.proxy.listener(listener).port}`;
  }

  get caFile(): string {
    return this.ground.authority.file;
  }

  /** What curl prints, complaints included; it must succeed. */
  curl(...args: string[]): Promise<string> {
    return this.curlWith("", ...args);
  }

  /** The same with something on its standard input. */
  async curlWith(
    input: Uint8Array<ArrayBuffer> | "",
    ...args: string[]
  ): Promise<string> {
    const child = new Deno.Command("curl", {
      args: ["-sS", ...args],
      // As options they would hold only up to --next.
      env: { CURL_CA_BUNDLE: this.caFile, no_proxy: "*" },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    // It may end without having read any of it.
    const written = new Blob([input]).stream().pipeTo(child.stdin)
      .catch(() => {});
    const { code, stdout, stderr } = await child.output();
    await written;
    const decoder = new TextDecoder();
    const text = decoder.decode(stdout) + decoder.decode(stderr);
    assert.equal(code, 0, text);
    return text;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return HttpRealStage.#end(this.started);
  }

  static async #end(things: readonly AsyncDisposable[]): Promise<void> {
    for (const thing of things) await thing[Symbol.asyncDispose]();
  }
}

/** The stage where "new" is nginx too; `config` is merged over the proxy's. */
export function webStage(config: Table = {}): Promise<HttpRealStage<Nginx>> {
  return HttpRealStage.create(
    ({ folder, authority }) => Nginx.start({ name: "new", folder, authority }),
    config,
  );
}
