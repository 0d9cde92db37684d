import manifest from "../../deno.json" with { type: "json" };
import { EXIT_CONFIG } from "../config/describe.ts";
import { processEnv } from "../config/environment.ts";
import { formatProblem } from "../config/issues.ts";
import { BindError } from "../control/binds.ts";
import type { StartOptions } from "../control/beginning.ts";
import { Daemon } from "../control/daemon.ts";
import { ConfigRefused } from "../control/opening.ts";
import { TakeoverRefused } from "../control/takeover/taking.ts";
import { StoreError } from "../store/store.ts";
import { processIo } from "./io.ts";

const EXIT_FAILED = 1;

/** Serve a configuration file until a signal ends it. */
export async function serve(
  path: string,
  how: Pick<StartOptions, "resume" | "takeover"> = {},
): Promise<number> {
  const signals = new Signals();
  let daemon: Daemon;
  try {
    daemon = await Daemon.start({
      file: path,
      env: processEnv,
      version: manifest.version,
      ...how,
    });
  } catch (error) {
    return refuse(error);
  }
  return await signals.rule(daemon);
}

/** One line for each thing that is wrong; the exit code tells a supervisor whether a retry can help. */
function refuse(error: unknown): number {
  if (error instanceof ConfigRefused) {
    for (const problem of error.problems) {
      processIo.err(`${formatProblem(problem)}\n`);
    }
    return EXIT_CONFIG;
  }
  if (
    error instanceof BindError || error instanceof StoreError ||
    error instanceof TakeoverRefused
  ) {
    processIo.err(`mailferry: ${error.message}\n`);
    return EXIT_FAILED;
  }
  const message = error instanceof Error ? error.message : String(error);
  processIo.err(`mailferry: cannot start: ${message}\n`);
  return EXIT_FAILED;
}

/**
 * SIGTERM and SIGINT drain, a second one ends at once; SIGHUP reloads. Listened to from the first
 * moment, or a SIGHUP during the start would end the process.
 */
class Signals {
  #daemon: Daemon | null = null;
  #stops = 0;
  readonly #ended = Promise.withResolvers<number>();

  constructor() {
    Deno.addSignalListener("SIGTERM", () => this.#stop("SIGTERM"));
    Deno.addSignalListener("SIGINT", () => this.#stop("SIGINT"));
    // What is only starting reads the file anyway.
    Deno.addSignalListener("SIGHUP", () => void this.#reload());
  }

  /** Resolves with the exit code when a signal has ended the daemon. */
  rule(daemon: Daemon): Promise<number> {
    this.#daemon = daemon;
    this.#follow(daemon.ended);
    return this.#ended.promise;
  }

  /** The daemon logs why a reload was refused. */
  async #reload(): Promise<void> {
    const result = await this.#daemon?.refresh();
    if (result !== undefined) this.#record("SIGHUP", "reload", result);
  }

  #record(actor: string, action: string, result: string): void {
    const entry = { via: "signal", actor, action, result } as const;
    this.#daemon?.audit.record({ ...entry, parameters: {} });
  }

  #stop(signal: Deno.Signal): void {
    // Nothing is served yet, so there is nothing to finish.
    if (!this.#daemon) Deno.exit(0);
    this.#record(signal, "stop", "begun");
    this.#follow(
      ++this.#stops === 1 ? this.#daemon.drain() : this.#daemon.stop(),
    );
  }

  #follow(ending: Promise<void>): void {
    ending.then(() => this.#ended.resolve(0), (error: Error) => {
      processIo.err(`mailferry: ${error.message}\n`);
      this.#ended.resolve(EXIT_FAILED);
    });
  }
}
