/** A private Caddy, with which documents of the configuration API are compared. */
import { freePorts } from "./ports.ts";
import { output } from "./program.ts";
import { until } from "./wait.ts";

export interface CaddyAnswer {
  readonly status: number;
  readonly body: string;
}

export class Caddy implements AsyncDisposable {
  /** Caddy closes its connections with each change. */
  private readonly client = Deno.createHttpClient({ poolMaxIdlePerHost: 0 });

  private constructor(
    private readonly process: Deno.ChildProcess,
    private readonly folder: string,
    private readonly origin: string,
  ) {}

  static async start(): Promise<Caddy> {
    const folder = await Deno.makeTempDir();
    const [port] = freePorts(1);
    const listen = `127.0.0.1:${port}`;
    const config = `${folder}/caddy.json`;
    await Deno.writeTextFile(config, JSON.stringify({ admin: { listen } }));
    const process = new Deno.Command("caddy", {
      args: ["run", "--config", config],
      env: { HOME: folder, XDG_CONFIG_HOME: folder, XDG_DATA_HOME: folder },
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    const caddy = new Caddy(process, folder, `http://${listen}`);
    try {
      await until("Caddy", () =>
        caddy.ask("GET", "/config/")
          .then(({ status }) => status === 200, () => false));
    } catch (error) {
      await caddy[Symbol.asyncDispose]();
      throw error;
    }
    return caddy;
  }

  async ask(
    method: string,
    path: string,
    body?: string,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<CaddyAnswer> {
    const send = () =>
      fetch(this.origin + path, {
        method,
        headers: { "content-type": "application/json", ...headers },
        redirect: "manual",
        client: this.client,
        ...(body !== undefined && { body }),
      });
    // With each change a new server takes over; what waits to be accepted by the old one is reset.
    const response = await send().catch(send).catch(send);
    return {
      status: response.status,
      body: await response.text(),
    };
  }

  /** The `Etag` of a GET, which this release sends behind the body, where `fetch` does not look. */
  async etag(path: string): Promise<string> {
    const url = this.origin + path;
    const text = await output("curl", [
      "-sS",
      "-o",
      "/dev/null",
      "-D",
      "-",
      url,
    ]);
    return /^etag: (.*)\r$/im.exec(text)?.[1] ?? "";
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.process.kill("SIGTERM");
    } catch {
      // It ended by itself, and the wait above has said so.
    }
    await this.process.status;
    this.client.close();
    await Deno.remove(this.folder, { recursive: true });
  }
}
