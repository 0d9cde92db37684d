/** A redis-server of the test's own: in a temporary folder, on a free port. Needs redis-server. */
import { freePorts } from "./ports.ts";
import { outcome } from "./program.ts";
import { within } from "./wait.ts";

export interface RedisOptions {
  readonly password?: string;
  /** PEM files; the server then speaks TLS only. */
  readonly tls?: { readonly certFile: string; readonly keyFile: string };
  /** More settings, as on the command line without the dashes. */
  readonly settings?: Readonly<Record<string, string>>;
  readonly mode?: "sentinel";
}

export class RedisServer implements AsyncDisposable {
  #child: Deno.ChildProcess | null = null;
  #reading: Promise<void> = Promise.resolve();
  /** Everything that it printed. */
  output = "";

  private constructor(
    readonly folder: string,
    readonly port: number,
    private readonly options: RedisOptions,
  ) {}

  static async start(options: RedisOptions = {}): Promise<RedisServer> {
    const folder = await Deno.makeTempDir({ prefix: "mailferry-redis-" });
    const server = new RedisServer(folder, freePorts(1)[0]!, options);
    await server.run();
    return server;
  }

  get url(): string {
    const { password, tls } = this.options;
    const login = password === undefined ? "" : `:${password}@`;
    return `${tls ? "rediss" : "redis"}://${login}127.0.0.1:${this.port}`;
  }

  /** Start it, also again after `kill`: on the same port, with what it had saved. */
  async run(): Promise<void> {
    const { password, tls, settings, mode } = this.options;
    const port = String(this.port);
    const all = {
      bind: "127.0.0.1",
      port: tls ? "0" : port,
      dir: this.folder,
      ...mode === undefined &&
        { appendonly: "yes", appendfsync: "always", save: "" },
      ...password !== undefined && { requirepass: password },
      ...tls && {
        "tls-port": port,
        "tls-cert-file": tls.certFile,
        "tls-key-file": tls.keyFile,
        "tls-auth-clients": "no",
        "tls-ca-cert-file": tls.certFile,
      },
      ...settings,
    };
    const file = `${this.folder}/redis.conf`;
    const lines = Object.entries(all).map(([name, value]) =>
      `${name} ${value === "" ? '""' : value}\n`
    );
    await Deno.writeTextFile(file, lines.join(""));
    this.output = "";
    this.#child = new Deno.Command("redis-server", {
      args: [file, ...mode === undefined ? [] : [`--${mode}`]],
      stdin: "null",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    const { stdout, status } = this.#child;
    let isReady = () => {};
    const ready = new Promise<void>((resolve) => isReady = resolve);
    this.#reading = (async () => {
      const decoder = new TextDecoder();
      for await (const chunk of stdout) {
        this.output += decoder.decode(chunk, { stream: true });
        if (/Ready to accept connections|Sentinel ID is/.test(this.output)) {
          isReady();
        }
      }
    })();
    const ended = status.then(() => {
      throw new Error(`redis-server ended: ${this.output}`);
    });
    ended.catch(() => {});
    await within("redis-server", Promise.race([ready, ended]));
  }

  /** What redis-cli prints for a command. */
  async ask(...command: string[]): Promise<string> {
    const { password, tls } = this.options;
    const { code, text } = await outcome("redis-cli", [
      "-p",
      String(this.port),
      ...password === undefined ? [] : ["--no-auth-warning", "-a", password],
      ...tls ? ["--tls", "--insecure"] : [],
      ...command,
    ]);
    if (code !== 0) throw new Error(text);
    return text.trimEnd();
  }

  signal(name: Deno.Signal): void {
    this.#child?.kill(name);
  }

  /** Without a chance to say goodbye. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (!child) return;
    this.#child = null;
    child.kill("SIGKILL");
    await child.status;
    await this.#reading;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await Deno.remove(this.folder, { recursive: true });
  }
}
