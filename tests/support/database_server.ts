/** A database server of the test's own: a folder, a port and, where the tests run as root, a user of its own. */
import { type Certificate } from "./certs.ts";
import { freePorts } from "./ports.ts";
import { until, within } from "./wait.ts";

const ROOT = Deno.uid() === 0;

/** What tells one kind of server from another. */
export interface ServerKind {
  readonly name: string;
  /** The user that its Debian package makes; servers refuse to run as root. */
  readonly user: string;
  /** Makes the data folder; every word is an argument. */
  readonly initialize: (folder: string) => readonly string[];
  readonly command: (server: DatabaseServer) => readonly string[];
  /** Ends the server at once with everything it was doing, as a crash does. */
  readonly crash: Deno.Signal;
  readonly stop: Deno.Signal;
  /** True once it takes logins. */
  readonly answers: (server: DatabaseServer) => Promise<boolean>;
}

export interface ServerOptions {
  /** Serve TLS with this certificate. */
  readonly certificate?: Certificate;
  /** The data folder lies in this one, which is the caller's to remove. */
  readonly folder?: string;
}

export class DatabaseServer implements AsyncDisposable {
  #process: Deno.ChildProcess | null = null;

  private constructor(
    private readonly kind: ServerKind,
    readonly folder: string,
    readonly port: number,
    readonly tls: boolean,
    private readonly ownFolder: boolean,
  ) {}

  /** The UNIX socket lies in this folder too. */
  get data(): string {
    return `${this.folder}/data`;
  }

  static async start(
    kind: ServerKind,
    options: ServerOptions = {},
  ): Promise<DatabaseServer> {
    const folder = options.folder ??
      await Deno.makeTempDir({ prefix: `mailferry-${kind.name}-` });
    const { certificate } = options;
    const server = new DatabaseServer(
      kind,
      folder,
      freePorts(1)[0]!,
      certificate !== undefined,
      options.folder === undefined,
    );
    try {
      if (certificate) {
        await Deno.writeTextFile(`${folder}/cert.pem`, certificate.certPem);
        await Deno.writeTextFile(`${folder}/key.pem`, certificate.keyPem);
        await Deno.chmod(`${folder}/key.pem`, 0o600);
      }
      if (ROOT) await run(["chown", "-R", kind.user, folder]);
      await run(asUser(kind.user, kind.initialize(server.data)));
      await server.resurrect();
      return server;
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Start it again with the data it had. */
  async resurrect(): Promise<void> {
    const [program, ...args] = asUser(
      this.kind.user,
      this.kind.command(this),
    );
    this.#process = new Deno.Command(program!, {
      args,
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    let ended = false;
    void this.#process.status.then(() => ended = true);
    await until(`the start of ${this.kind.name}`, () => {
      if (ended) throw new Error(`${this.kind.name} did not start`);
      return this.kind.answers(this);
    });
  }

  /** End it in the middle of whatever it does. */
  crash(): Promise<void> {
    return this.#end(this.kind.crash);
  }

  /** Stop every process of it without ending one: connections stay open and nothing answers. */
  async pause(): Promise<void> {
    // A process of several threads goes on for a moment, and may make a child meanwhile.
    await until(`the stop of ${this.kind.name}`, () => {
      const running = this.#processes().filter((pid) => !isStopped(pid));
      for (const pid of running) signalTo(pid, "SIGSTOP");
      return running.length === 0;
    });
  }

  resume(): void {
    for (const pid of this.#processes()) signalTo(pid, "SIGCONT");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.resume();
    await this.#end(this.kind.stop);
    if (this.ownFolder) await Deno.remove(this.folder, { recursive: true });
  }

  async #end(signal: Deno.Signal): Promise<void> {
    const process = this.#process;
    this.#process = null;
    if (!process) return;
    try {
      process.kill(signal);
    } catch {
      // It has ended by itself, which its test has noticed.
    }
    try {
      await within(`the end of ${this.kind.name}`, process.status);
    } catch {
      process.kill("SIGKILL");
      await process.status;
    }
  }

  #processes(): number[] {
    const pid = this.#process?.pid;
    return pid === undefined ? [] : [pid, ...children(pid)];
  }
}

function signalTo(pid: number, signal: Deno.Signal): void {
  try {
    Deno.kill(pid, signal);
  } catch {
    // It has ended meanwhile.
  }
}

/** The fields of /proc/PID/stat behind the name: the state, the parent and others. */
function statOf(path: string): string[] {
  const stat = Deno.readTextFileSync(path);
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
}

function isStopped(pid: number): boolean {
  try {
    return [...Deno.readDirSync(`/proc/${pid}/task`)].every(({ name }) =>
      statOf(`/proc/${pid}/task/${name}/stat`)[0] === "T"
    );
  } catch {
    return true;
  }
}

function children(parent: number): number[] {
  const found: number[] = [];
  for (const { name } of Deno.readDirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      if (Number(statOf(`/proc/${name}/stat`)[1]) === parent) {
        found.push(Number(name));
      }
    } catch {
      // It has ended meanwhile.
    }
  }
  return found;
}

function asUser(user: string, command: readonly string[]): string[] {
  if (!ROOT) return [...command];
  const ids = ["--reuid", user, "--regid", user, "--clear-groups"];
  return ["setpriv", ...ids, "--", ...command];
}

/** Run a program to its end; what it printed is in the error when it fails. */
export async function run(
  [program, ...args]: readonly string[],
  input = "",
): Promise<string> {
  const child = new Deno.Command(program!, {
    args,
    // Servers look for their files below the working folder, which their user may not read.
    cwd: "/",
    env: { LC_ALL: "C.UTF-8" },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input)).catch(() => {});
  await writer.close().catch(() => {});
  const { success, stdout, stderr } = await child.output();
  const text = new TextDecoder();
  if (!success) {
    throw new Error(`${program}: ${text.decode(stderr)}${text.decode(stdout)}`);
  }
  return text.decode(stdout);
}

export async function succeeds(command: readonly string[]): Promise<boolean> {
  return await run(command).then(() => true, () => false);
}
