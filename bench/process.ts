/** Child processes, and what /proc says of them. Linux only. */

/** Clock ticks a second of /proc/<pid>/stat: 100 on every Linux port in use. */
const TICKS = 100;

/** A process started by the benchmark, its output in a log file. */
export interface Running {
  pid: number;
  /** Settles when the process is gone, whoever ended it. */
  ended: Promise<unknown>;
  /** Ends it by its own id; resolves when it is gone. */
  stop(): Promise<void>;
  log(): Promise<string>;
}

/** Open-file limit of children: as high as this user may go. */
export const fileLimit = await hardFileLimit();

const running = new Set<Running>();

/** Ends whatever still runs: for an interrupted benchmark. */
export async function stopAll(): Promise<void> {
  await Promise.all([...running].map((each) => each.stop()));
}

/** Starts a program with its output in `logPath` and many files allowed. */
export function start(
  command: string[],
  logPath: string,
  env: Record<string, string> = {},
): Running {
  const script = `ulimit -n ${fileLimit}; exec "$@" >"$0" 2>&1`;
  const child = new Deno.Command("sh", {
    args: ["-c", script, logPath, ...command],
    env,
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  const self: Running = {
    pid: child.pid,
    ended: child.status,
    stop: async () => {
      await end(child);
      running.delete(self);
    },
    log: () => Deno.readTextFile(logPath),
  };
  running.add(self);
  return self;
}

/** A child that talks in JSON lines and waits for our word between them. */
export class Conversation {
  #child: Deno.ChildProcess;
  #lines: ReadableStreamDefaultReader<string>;
  #input: WritableStreamDefaultWriter<Uint8Array>;
  #rest = "";
  #self: Running;

  constructor(script: string, args: string[]) {
    const path = new URL(script, import.meta.url).pathname;
    const command = [Deno.execPath(), "run", "-A", path, ...args];
    this.#child = new Deno.Command("sh", {
      args: ["-c", `ulimit -n ${fileLimit}; exec "$0" "$@"`, ...command],
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#lines = this.#child.stdout.pipeThrough(new TextDecoderStream())
      .getReader();
    this.#input = this.#child.stdin.getWriter();
    this.#self = {
      pid: this.#child.pid,
      ended: this.#child.status,
      stop: () => this.stop(),
      log: () => Promise.resolve(""),
    };
    running.add(this.#self);
  }

  /** The next event; throws when it is an error, the end, or too late. */
  async next<T extends { event: string }>(seconds = 300): Promise<T> {
    let late: number | undefined;
    const deadline = new Promise<never>((_, reject) => {
      late = setTimeout(
        () => reject(new Error(`no answer from the load in ${seconds} s`)),
        seconds * 1000,
      );
    });
    try {
      return await Promise.race([this.#event<T>(), deadline]);
    } finally {
      clearTimeout(late);
    }
  }

  async #event<T extends { event: string }>(): Promise<T> {
    while (!this.#rest.includes("\n")) {
      const { value, done } = await this.#lines.read();
      if (done) throw new Error("the load ended early");
      this.#rest += value;
    }
    const end = this.#rest.indexOf("\n");
    const event = JSON.parse(this.#rest.slice(0, end));
    this.#rest = this.#rest.slice(end + 1);
    if (event.event === "error") throw new Error(event.error);
    return event as T;
  }

  /** Lets the child take its next step. */
  async go(): Promise<void> {
    await this.#input.write(new TextEncoder().encode("go\n"));
  }

  async stop(): Promise<void> {
    await this.#input.close().catch(() => {});
    await end(this.#child);
    await this.#lines.cancel().catch(() => {});
    running.delete(this.#self);
  }
}

/** SIGTERM, and SIGKILL for the whole tree when that has no effect in 5 s. */
async function end(child: Deno.ChildProcess): Promise<void> {
  const members = await tree(child.pid);
  signal(child.pid, "SIGTERM");
  const kill = setTimeout(
    () => members.forEach((pid) => signal(pid, "SIGKILL")),
    5000,
  );
  await child.status;
  clearTimeout(kill);
}

function signal(pid: number, name: Deno.Signal): void {
  try {
    Deno.kill(pid, name);
  } catch {
    // Gone already.
  }
}

/** Fields of /proc/<pid>/stat from the state on; the name may hold spaces. */
async function statFields(pid: number): Promise<string[] | undefined> {
  try {
    const text = await Deno.readTextFile(`/proc/${pid}/stat`);
    return text.slice(text.lastIndexOf(")") + 2).split(" ");
  } catch {
    return undefined;
  }
}

/** A process and all its descendants. */
async function tree(root: number): Promise<number[]> {
  const children = new Map<number, number[]>();
  for await (const entry of Deno.readDir("/proc")) {
    const pid = Number(entry.name);
    if (!Number.isInteger(pid)) continue;
    const fields = await statFields(pid);
    if (fields === undefined) continue;
    const parent = Number(fields[1]);
    children.set(parent, [...children.get(parent) ?? [], pid]);
  }
  const found = [root];
  for (let i = 0; i < found.length; i++) {
    found.push(...children.get(found[i] ?? -1) ?? []);
  }
  return found;
}

/** CPU seconds (user and system) of a tree, children that ended included. */
export async function cpuSeconds(root: number): Promise<number> {
  let ticks = 0;
  for (const pid of await tree(root)) {
    const fields = await statFields(pid) ?? [];
    // utime, stime, cutime, cstime: proc(5) fields 14 to 17.
    for (const field of fields.slice(11, 15)) ticks += Number(field);
  }
  return ticks / TICKS;
}

/** Resident KB of a tree: the sum of Rss in smaps_rollup. */
export async function residentKb(root: number): Promise<number> {
  let sum = 0;
  for (const pid of await tree(root)) {
    try {
      const text = await Deno.readTextFile(`/proc/${pid}/smaps_rollup`);
      sum += Number(/^Rss:\s+(\d+)/m.exec(text)?.[1] ?? 0);
    } catch {
      // Ended meanwhile.
    }
  }
  if (sum === 0) throw new Error(`process ${root} has ended`);
  return sum;
}

async function hardFileLimit(): Promise<number> {
  const limits = await Deno.readTextFile("/proc/self/limits");
  const hard = /^Max open files\s+\S+\s+(\S+)/m.exec(limits)?.[1];
  return hard === undefined || hard === "unlimited"
    ? 65536
    : Math.min(65536, Number(hard));
}

/** Whether there is such a file; distributions differ in what is built in. */
export async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

export const pause = (ms: number) =>
  new Promise<void>((resolve) => setTimeout(resolve, ms));
