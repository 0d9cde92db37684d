import { runCheck } from "../config/describe.ts";
import { processEnv } from "../config/environment.ts";
import { resourceHost } from "../control/resource_host.ts";
import { processIo } from "./io.ts";

/** `mailferry check [--probe] CONFIG`. A leg that does not answer makes the exit code 1. */
export async function check(path: string, probe: boolean): Promise<number> {
  const { exitCode, stdout, stderr } = await runCheck(
    path,
    processEnv,
    resourceHost,
  );
  for (const line of stderr) processIo.err(`${line}\n`);
  for (const line of stdout) processIo.out(`${line}\n`);
  if (exitCode !== 0 || !probe) return exitCode;
  const { probeAll } = await import("./probe_all.ts");
  return await probeAll(path);
}
