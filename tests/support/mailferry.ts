/** Runs the built proxy as a process with a configuration of the test's own, and reads its log. */
import { stringify } from "smol-toml";
import type { LineClient } from "./line_client.ts";
import {
  baseConfig,
  Ground,
  merge,
  PASSWORD,
  replaceFile,
  type Table,
  TOKEN,
  writeConfig,
} from "./proxy_config.ts";
import { until, within } from "./wait.ts";
import type { Target } from "./wire_client.ts";

/** One JSON line of the log. */
export type LogEntry = Record<string, unknown> & { event?: string };

export interface ProxyOptions {
  /** Merged over the base configuration; `undefined` takes a key away. */
  readonly config?: Table;
  /** Lines of the mapping file. */
  readonly mappings?: Readonly<Record<string, string>>;
  readonly environment?: Readonly<Record<string, string>>;
  /** Certificates and folder of an earlier proxy, to share its authority. */
  readonly ground?: Ground;
  /** In front of the configuration file on the command line. */
  readonly args?: readonly string[];
  /** Run in this folder with nothing in the environment. */
  readonly bareIn?: string;
}

/** Where the executable is. */
export function executable(): string {
  const path = Deno.env.get("MAILFERRY_BIN") ??
    new URL("../../dist/mailferry", import.meta.url).pathname;
  try {
    Deno.statSync(path);
  } catch {
    throw new Error(`${path} is missing: make build, or set MAILFERRY_BIN`);
  }
  return path;
}

/** What a run that ended by itself left. */
export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Run the executable to its end. */
export async function run(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
  options: { cwd?: string; clearEnv?: boolean } = {},
): Promise<Outcome> {
  const output = await new Deno.Command(executable(), {
    args: [...args],
    env: { ...environment },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    ...options,
  }).output();
  const text = new TextDecoder();
  return {
    code: output.code,
    stdout: text.decode(output.stdout),
    stderr: text.decode(output.stderr),
  };
}

let counter = 0;

/** What was found wrong while a proxy was stopped; thrown there, it would hide why a test failed. */
const complaints: string[] = [];

Deno.test.afterEach(() => {
  const all = complaints.splice(0);
  if (all.length > 0) throw new Error(all.join("\n"));
});

export class Mailferry implements AsyncDisposable {
  readonly log: LogEntry[] = [];
  /** Lines on stderr that are no JSON: there should be none. */
  readonly noise: string[] = [];
  #config: Table;
  readonly #process: Deno.ChildProcess;
  readonly #reading: Promise<void>;
  readonly #watchers = new Set<() => void>();
  #status: Deno.CommandStatus | null = null;
  readonly #client: Deno.HttpClient;
  readonly exited: Promise<Deno.CommandStatus>;

  private constructor(
    readonly ground: Ground,
    private readonly ownGround: boolean,
    config: Table,
    readonly configFile: string,
    { environment = {}, args = [], bareIn }: ProxyOptions,
  ) {
    this.#config = config;
    this.#process = new Deno.Command(executable(), {
      args: [...args, configFile],
      ...(bareIn === undefined
        ? { env: { SSL_CERT_FILE: ground.authority.file, ...environment } }
        : { clearEnv: true, cwd: bareIn }),
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    this.#reading = this.#readLog();
    this.exited = this.#process.status.then((status) => {
      this.#status = status;
      for (const wake of this.#watchers) wake();
      return status;
    });
    // Without idle connections in a pool the proxy's file descriptors can be compared.
    this.#client = Deno.createHttpClient({
      caCerts: [ground.authority.pem],
      poolMaxIdlePerHost: 0,
    });
  }

  /** Start and wait until it serves. */
  static async start(options: ProxyOptions): Promise<Mailferry> {
    const proxy = await Mailferry.spawn(options);
    try {
      await proxy.event("ready");
    } catch (error) {
      await proxy[Symbol.asyncDispose]();
      throw new Error(`${error}\n${JSON.stringify(proxy.log)}\n${proxy.noise}`);
    }
    return proxy;
  }

  /** Start one more that takes over from this one, by the runtime socket at this path, and wait until it serves. */
  async successor(socket: string): Promise<Mailferry> {
    const next = this.rival(socket);
    try {
      await next.event("ready");
    } catch (error) {
      await next[Symbol.asyncDispose]();
      throw new Error(`${error}\n${JSON.stringify(next.log)}\n${next.noise}`);
    }
    return next;
  }

  /** Start one more with the same configuration, not waiting for anything. */
  again(): Mailferry {
    return new Mailferry(this.ground, false, this.#config, this.configFile, {});
  }

  /** The same as `successor` without waiting for anything. */
  rival(socket: string, configFile = this.configFile): Mailferry {
    const args = ["run", "--takeover", socket];
    return new Mailferry(this.ground, false, this.#config, configFile, {
      args,
    });
  }

  /** Start without waiting for anything. */
  static async spawn(options: ProxyOptions): Promise<Mailferry> {
    const ground = options.ground ?? await Ground.create();
    const config = merge(baseConfig(ground), options.config ?? {});
    const lines = Object.entries(options.mappings ?? {})
      .map(([identifier, name]) => `${identifier}\t${name}\n`);
    const mappings = (config.mapping as Table).file as Table;
    await Deno.writeTextFile(String(mappings.path), lines.join(""));
    const file = await writeConfig(ground, config, `proxy-${counter++}.toml`);
    return new Mailferry(ground, !options.ground, config, file, options);
  }

  get pid(): number {
    return this.#process.pid;
  }

  get ca(): string {
    return this.ground.authority.pem;
  }

  get mappingFile(): string {
    return String(((this.#config.mapping as Table).file as Table).path);
  }

  /** The first entry that matches, past or to come. */
  async entry(
    what: string,
    matches: (entry: LogEntry) => boolean,
  ): Promise<LogEntry> {
    let wake = () => {};
    const watcher = () => wake();
    this.#watchers.add(watcher);
    try {
      for (let next = 0;;) {
        for (; next < this.log.length; next++) {
          if (matches(this.log[next]!)) return this.log[next]!;
        }
        if (this.#status) {
          throw new Error(`${what}: the proxy ended (${this.#status.code})`);
        }
        const more = new Promise<void>((resolve) => wake = resolve);
        if (next === this.log.length) await within(what, more);
      }
    } finally {
      this.#watchers.delete(watcher);
    }
  }

  event(name: string): Promise<LogEntry> {
    return this.entry(`event=${name}`, (entry) => entry.event === name);
  }

  /** How many entries of an event there are. */
  count(name: string): number {
    return this.log.filter((entry) => entry.event === name).length;
  }

  /** The close record of a client's session. */
  ended(client: LineClient | number): Promise<LogEntry> {
    const port = typeof client === "number" ? client : client.localPort;
    return this.entry(
      `the close record of ${port}`,
      (entry) =>
        entry.event === "session_end" &&
        String(entry.client).endsWith(`:${port}`),
    );
  }

  /** Where a listener is bound. */
  listener(name: string): Target {
    const entry = this.log.find((e) =>
      e.event === "listening" && e.listener === name
    );
    if (!entry) throw new Error(`listener ${name} is not bound`);
    return { port: portOf(entry) };
  }

  get adminUrl(): string {
    const entry = this.log.findLast((e) => e.event === "admin_listening");
    if (!entry) throw new Error("no admin listener");
    return `https://127.0.0.1:${portOf(entry)}`;
  }

  /** One request of the management API; the body is its text. */
  async admin(
    method: string,
    path: string,
    init: {
      token?: string | null;
      headers?: Readonly<Record<string, string>>;
      body?: BodyInit;
    } = {},
  ): Promise<{ status: number; body: string; headers: Headers }> {
    const token = init.token === undefined ? TOKEN : init.token;
    const headers: Record<string, string> = {
      ...(token !== null && { authorization: `Bearer ${token}` }),
      ...(init.body !== undefined && { "content-type": "application/json" }),
      ...init.headers,
    };
    const response = await fetch(this.adminUrl + path, {
      method,
      headers,
      client: this.#client,
      ...(init.body !== undefined && { body: init.body }),
    });
    const body = await response.text();
    return { status: response.status, body, headers: response.headers };
  }

  /** The same for a request that must succeed. */
  async ask(method: string, path: string): Promise<string> {
    const { status, body } = await this.admin(method, path);
    if (status !== 200) throw new Error(`${method} ${path}: ${status} ${body}`);
    return body;
  }

  /** Change one value of the configuration. */
  async change(path: string, value: unknown): Promise<void> {
    const response = await fetch(this.adminUrl + path, {
      method: "PATCH",
      headers: {
        authorization: `Bearer ${TOKEN}`,
        "content-type": "application/json",
      },
      body: JSON.stringify(value),
      client: this.#client,
    });
    const body = await response.text();
    if (!response.ok) throw new Error(`PATCH ${path}: ${body}`);
  }

  /** `mailferry ctl` against this proxy, run to its end. */
  ctl(...args: string[]): Promise<Outcome> {
    return run([
      "ctl",
      ...["--config", this.configFile],
      ...["--cacert", this.ground.authority.file],
      ...["--address", this.adminUrl.slice("https://".length)],
      ...args,
    ]);
  }

  move(identifier: string, to: string): Promise<string> {
    const query = new URLSearchParams({ identifier, destination: to });
    return this.ask("PUT", `/mappings?${query}`);
  }

  /** How many sessions it ended. */
  async kick(identifier: string): Promise<number> {
    const query = new URLSearchParams({ identifier });
    const body = await this.ask("POST", `/connections/kick?${query}`);
    return Number(/^kicked (\d+)\n$/.exec(body)?.[1]);
  }

  async sessions(): Promise<Record<string, unknown>[]> {
    const body = JSON.parse(await this.ask("GET", "/sessions"));
    return Array.isArray(body) ? body : body.sessions;
  }

  /** Wait until no session is registered. */
  async empty(): Promise<void> {
    await until(
      "an empty registry",
      async () => (await this.sessions()).length === 0,
    );
  }

  /** Write another configuration in place of the first, without telling the proxy. */
  async reconfigure(over: Table): Promise<void> {
    this.#config = merge(this.#config, over);
    await replaceFile(this.configFile, stringify(this.#config));
  }

  /** Open file descriptors. */
  descriptors(): number {
    return [...Deno.readDirSync(`/proc/${this.pid}/fd`)].length;
  }

  /** Resident memory in KiB. */
  memory(): number {
    const status = Deno.readTextFileSync(`/proc/${this.pid}/status`);
    return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]);
  }

  signal(name: Deno.Signal): void {
    if (!this.#status) this.#process.kill(name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.signal("SIGTERM");
    // A test may leave sessions open, and a second signal ends a drain at once. One that comes too soon is lost.
    const again = setInterval(() => this.signal("SIGTERM"), 100);
    try {
      await within("the end of the proxy", this.exited);
    } catch {
      this.signal("SIGKILL");
      await this.exited;
      complaints.push("the proxy did not stop on SIGTERM");
    } finally {
      clearInterval(again);
      await this.#reading;
      this.#client.close();
      if (this.ownGround) await this.ground[Symbol.asyncDispose]();
    }
    if (this.count("ready") > 0) this.#checkLog();
  }

  /** What no run that served may leave: a bug, a line that is no record, a secret. */
  #checkLog(): void {
    const bugs = this.log.filter((entry) => entry.event === "bug");
    const text = JSON.stringify(this.log);
    const secrets = [PASSWORD, TOKEN].filter((secret) => text.includes(secret));
    if (bugs.length + this.noise.length + secrets.length > 0) {
      complaints.push(
        `in the proxy's log: ${JSON.stringify([bugs, this.noise, secrets])}`,
      );
    }
  }

  async #readLog(): Promise<void> {
    const lines = this.#process.stderr.pipeThrough(new TextDecoderStream());
    let rest = "";
    for await (const chunk of lines) {
      const parts = (rest + chunk).split("\n");
      rest = parts.pop()!;
      for (const line of parts) this.#take(line);
      for (const wake of this.#watchers) wake();
    }
    if (rest) this.#take(rest);
  }

  #take(line: string): void {
    try {
      this.log.push(JSON.parse(line));
    } catch {
      this.noise.push(line);
    }
  }
}

function portOf(entry: LogEntry): number {
  return Number(/:(\d+)$/.exec(String(entry.address))?.[1]);
}
