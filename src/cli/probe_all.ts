import { EXIT_CONFIG } from "../config/describe.ts";
import { processEnv } from "../config/environment.ts";
import { openConfig } from "../config/load.ts";
import { resourceHost } from "../control/resource_host.ts";
import { servedAsIs } from "../control/served.ts";
import { buildDestinations } from "../control/snapshot.ts";
import { readTrustRoots } from "../net/trust_roots.ts";
import { describeProbe, probeLeg } from "../protocols/probe.ts";
import { processIo } from "./io.ts";

/** Dials every leg of a configuration file and says what came of it. Answers the exit code. */
export async function probeAll(path: string): Promise<number> {
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
