import manifest from "../../deno.json" with { type: "json" };
import { EXIT_CONFIG } from "../config/describe.ts";
import { processEnv } from "../config/environment.ts";
import { formatProblem } from "../config/issues.ts";
import { BindError } from "../control/binds.ts";
import { Daemon } from "../control/daemon.ts";
import { ConfigRefused } from "../control/opening.ts";
import { StoreError } from "../store/store.ts";
import { processIo } from "./io.ts";

export const EXIT_FAILED = 1;
export const EXIT_USAGE = 2;

/** Serve a configuration file until a signal ends it. */
export async function serve(path: string): Promise<number> {
  let daemon: Daemon;
  try {
    daemon = await Daemon.start(path, processEnv, manifest.version);
  } catch (error) {
    return refuse(error);
  }
  return await untilSignalled(daemon);
}

/** One line for each thing that is wrong; the exit code tells a supervisor whether a retry can help. */
function refuse(error: unknown): number {
  if (error instanceof ConfigRefused) {
    for (const problem of error.problems) {
      processIo.err(`${formatProblem(problem)}\n`);
    }
    return EXIT_CONFIG;
  }
  if (error instanceof BindError || error instanceof StoreError) {
    processIo.err(`mailferry: ${error.message}\n`);
    return EXIT_FAILED;
  }
  const message = error instanceof Error ? error.message : String(error);
  processIo.err(`mailferry: cannot start: ${message}\n`);
  return EXIT_FAILED;
}

/** SIGTERM and SIGINT drain, a second one ends at once; SIGHUP reloads. */
async function untilSignalled(daemon: Daemon): Promise<number> {
  const ended = Promise.withResolvers<number>();
  let signals = 0;
  const stop = () => {
    const ending = ++signals === 1 ? daemon.drain() : daemon.stop();
    ending.then(() => ended.resolve(0), (error: Error) => {
      processIo.err(`mailferry: ${error.message}\n`);
      ended.resolve(EXIT_FAILED);
    });
  };
  // The daemon logs why a reload was refused.
  const reload = () => void daemon.reload().catch(() => {});
  Deno.addSignalListener("SIGTERM", stop);
  Deno.addSignalListener("SIGINT", stop);
  Deno.addSignalListener("SIGHUP", reload);
  return await ended.promise;
}
