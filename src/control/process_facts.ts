import type {
  ProcessFacts,
  ProcessView,
  WorkerActivity,
} from "./api_process.ts";
import type { Parts } from "./parts.ts";

/**
 * Variables whose values are shown. Of any other it is not known that it is no password, or an address
 * with one in it.
 */
const SHOWN: ReadonlySet<string> = new Set([
  "DENO_TLS_CA_STORE",
  "HOME",
  "INVOCATION_ID",
  "JOURNAL_STREAM",
  "LANG",
  "LISTEN_FDNAMES",
  "LISTEN_FDS",
  "LOGNAME",
  "NOTIFY_SOCKET",
  "PATH",
  "PROXY_CONFIG",
  "PROXY_LOG",
  "PWD",
  "RUNTIME_DIRECTORY",
  "RUST_LOG",
  "SHELL",
  "SSL_CERT_DIR",
  "SSL_CERT_FILE",
  "STATE_DIRECTORY",
  "TERM",
  "TZ",
  "USER",
  "WATCHDOG_PID",
  "WATCHDOG_USEC",
]);

/** What changes while the process runs, as the daemon knows it. */
export interface Running {
  readonly generation: number;
  readonly stopping: boolean;
}

export class ProcessInspector implements ProcessFacts {
  readonly #startedAt = Date.now();
  readonly #openFiles = limitOfOpenFiles();

  constructor(
    private readonly parts: Parts,
    private readonly version: string,
    private readonly running: () => Running,
  ) {}

  process(): ProcessView {
    const { generation, stopping } = this.running();
    return {
      version: this.version,
      pid: Deno.pid,
      startedAt: this.#startedAt,
      hostname: Deno.hostname(),
      workers: this.parts.supervisor.size,
      configGeneration: generation,
      stopping,
      openFiles: this.#openFiles,
      memory: Deno.memoryUsage().rss,
    };
  }

  activity(): Promise<readonly WorkerActivity[]> {
    return this.parts.supervisor.ask("inspect", null);
  }

  environment(): (readonly [string, string | null])[] {
    return Object.entries(Deno.env.toObject())
      .sort(([a], [b]) => a < b ? -1 : 1)
      .map(([name, value]) => [name, SHOWN.has(name) ? value : null]);
  }
}

function limitOfOpenFiles(): number {
  try {
    const limits = Deno.readTextFileSync("/proc/self/limits");
    return Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? 0);
  } catch {
    return 0;
  }
}
