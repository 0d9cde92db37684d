import { EXIT_CONFIG, runCheck } from "../config/describe.ts";
import { processEnv } from "../config/environment.ts";
import { openConfig } from "../config/load.ts";
import { resourceHost } from "../control/resource_host.ts";
import { servedAsIs } from "../control/served.ts";
import { buildDestinations } from "../control/snapshot.ts";
import { readTrustRoots } from "../net/trust_roots.ts";
import { describeProbe, probeLeg } from "../protocols/probe.ts";
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
  return exitCode === 0 && probe ? await probeAll(path) : exitCode;
}

async function probeAll(path: string): Promise<number> {
  const opened = await openConfig(path, {
    strict: true,
    env: processEnv,
    host: resourceHost,
  });
  if (!opened.ok) return EXIT_CONFIG;
  const { config, resources } = opened;
  const legs = Object.values(buildDestinations({
    served: servedAsIs(config, resources),
    trustRoots: readTrustRoots(processEnv),
    rootOf: () => undefined,
  }))
    .flatMap(({ legs }) => Object.values(legs));
  const timeout = config.server.backend_timeout;
  const results = await Promise.all(
    legs.map((leg) => probeLeg(leg, timeout)),
  );
  processIo.out("\nprobes\n");
  results.forEach((result, i) =>
    processIo.out(
      `  ${describeProbe(legs[i]!, result).replace("\n", "\n  ")}\n`,
    )
  );
  return results.every(({ ok }) => ok) ? 0 : 1;
}
