/** `openssl s_server`, for what the runtime's own server does not do. Needs openssl. */
import { until } from "./wait.ts";

export class OpensslServer implements AsyncDisposable {
  /** Everything that it printed. */
  output = "";
  readonly #child: Deno.ChildProcess;
  readonly #collected: Promise<unknown>;

  private constructor(args: readonly string[]) {
    this.#child = new Deno.Command("openssl", {
      args: ["s_server", "-accept", "127.0.0.1:0", ...args],
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const collect = async (from: ReadableStream<Uint8Array>) => {
      const decoder = new TextDecoder();
      for await (const chunk of from) this.output += decoder.decode(chunk);
    };
    const { stdout, stderr } = this.#child;
    this.#collected = Promise.all([collect(stdout), collect(stderr)]);
  }

  /** On a free port of 127.0.0.1, with these options. */
  static async start(...args: string[]): Promise<OpensslServer> {
    const server = new OpensslServer(args);
    await until("listening", () => server.port > 0);
    return server;
  }

  get port(): number {
    return Number(/ACCEPT .*:(\d+)/.exec(this.output)?.[1] ?? 0);
  }

  connect(): Promise<Deno.TcpConn> {
    return Deno.connect({ hostname: "127.0.0.1", port: this.port });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child.stdin.close();
    this.#child.kill();
    await this.#child.status;
    await this.#collected;
  }
}
