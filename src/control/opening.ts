/** From a configuration file to what serving it needs. */
import type { Env } from "../config/environment.ts";
import { formatProblem, type Problem } from "../config/issues.ts";
import { openConfig, type OpenResult } from "../config/load.ts";
import { mappingTargetFault } from "../config/mapping_targets.ts";
import type { Config } from "../config/schema.ts";
import type { Log } from "../observe/log.ts";
import { normalizeIdentifier } from "../route/identifier.ts";
import { FileStore } from "../store/file.ts";
import type { MappingStore } from "../store/store.ts";
import { resourceHost } from "./resource_host.ts";

/** The configuration does not validate; `problems` are ready to be shown. */
export class ConfigRefused extends Error {
  override readonly name = "ConfigRefused";
  constructor(readonly problems: readonly Problem[]) {
    super(problems.map(formatProblem).join("; "));
  }
}

/** Read a file to be served. Throws ConfigRefused. */
export async function readConfig(
  file: string,
  env: Env,
): Promise<OpenResult & { readonly ok: true }> {
  const opened = await openConfig(file, {
    strict: false,
    env,
    host: resourceHost,
  });
  if (!opened.ok) throw new ConfigRefused(opened.problems);
  return opened;
}

/** The schema admits only what there is a store for; others are refused as not available. */
export function openStore(config: Config, log: Log): Promise<MappingStore> {
  const { normalize, file } = config.mapping;
  return FileStore.open({
    path: file!.path,
    normalize: (identifier) => normalizeIdentifier(identifier, normalize),
    checkDestination: mappingTargetFault(config),
    warn: (message) => log.warn("mapping_warning", { problem: message }),
  });
}
