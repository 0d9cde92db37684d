/** What the environment decides (spec section 1). */
import { nearest } from "./nearest.ts";
import { LOG_LEVELS, type LogLevel } from "./schema_server.ts";

/** Looks up an environment variable. */
export type Env = (name: string) => string | undefined;

/** The process's own environment. */
export const processEnv: Env = (name) => Deno.env.get(name);

/** The token of PROXY_ADMIN_TOKEN; an empty variable counts as unset. */
export function adminTokenOf(env: Env): string | undefined {
  return env("PROXY_ADMIN_TOKEN") || undefined;
}

/** `[server] state_dir`, else the first folder that systemd made for the service (StateDirectory=). */
export function stateDirOf(
  configured: string | undefined,
  env: Env,
): string | undefined {
  return configured ?? (env("STATE_DIRECTORY")?.split(":")[0] || undefined);
}

const isLevel = (word: string): word is LogLevel =>
  (LOG_LEVELS as readonly string[]).includes(word);

/** The file to serve: the argument of the command line, else PROXY_CONFIG; undefined when neither is given. */
export function configPathOf(
  argument: string | undefined,
  env: Env,
): string | undefined {
  return argument ?? (env("PROXY_CONFIG") || undefined);
}

/** The first bare level of a list of directives; others, such as `hyper=warn`, are ignored. */
function bareLevel(directives: string | undefined): LogLevel | undefined {
  return (directives ?? "").toLowerCase().split(",")
    .map((directive) => directive.trim()).find(isLevel);
}

/** The level that is logged: PROXY_LOG, then RUST_LOG, then the file's `log_level`. */
export function effectiveLogLevel(configured: LogLevel, env: Env): LogLevel {
  return bareLevel(env("PROXY_LOG")) ?? bareLevel(env("RUST_LOG")) ??
    configured;
}

/** Why PROXY_LOG has no effect, or null. */
export function logLevelWarning(env: Env): string | null {
  const own = env("PROXY_LOG")?.trim() ?? "";
  if (own === "" || bareLevel(own) !== undefined) return null;
  const near = nearest(own, LOG_LEVELS);
  return `PROXY_LOG: unknown level ${
    JSON.stringify(own.slice(0, 40))
  } (ignored), ${
    near === null
      ? `known are ${LOG_LEVELS.join(", ")}`
      : `did you mean "${near}"?`
  }`;
}
