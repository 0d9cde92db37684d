/** From a configuration file to what serving it needs. */
import type { Env } from "../config/environment.ts";
import { formatProblem, type Problem } from "../config/issues.ts";
import { openConfig, openDocument, type OpenResult } from "../config/load.ts";
import { resourceHost } from "./resource_host.ts";

/** The configuration does not validate; `problems` are ready to be shown. */
export class ConfigRefused extends Error {
  override readonly name = "ConfigRefused";
  constructor(readonly problems: readonly Problem[]) {
    super(problems.map(formatProblem).join("; "));
  }
}

/** A configuration that validates, with all that it names. */
export type Opened = OpenResult & { readonly ok: true };

/** Read a file to be served. Throws ConfigRefused. */
export async function readConfig(file: string, env: Env): Promise<Opened> {
  return accepted(
    await openConfig(file, { strict: false, env, host: resourceHost }),
  );
}

/** The same of a document that was kept; `name` stands for it in problems. */
export async function readDocument(
  document: unknown,
  name: string,
  env: Env,
): Promise<Opened> {
  return accepted(
    await openDocument(document, name, {
      strict: false,
      env,
      host: resourceHost,
    }),
  );
}

function accepted(opened: OpenResult): Opened {
  if (!opened.ok) throw new ConfigRefused(opened.problems);
  return opened;
}
