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

const isLevel = (word: string): word is LogLevel =>
  (LOG_LEVELS as readonly string[]).includes(word);

/**
 * The level that is logged: PROXY_LOG, then the first bare level of RUST_LOG (its other directives,
 * such as `hyper=warn`, are ignored), then the file's `log_level`.
 */
export function effectiveLogLevel(configured: LogLevel, env: Env): LogLevel {
  const own = env("PROXY_LOG")?.trim().toLowerCase() ?? "";
  if (isLevel(own)) return own;
  const foreign = (env("RUST_LOG") ?? "").toLowerCase().split(",")
    .map((directive) => directive.trim()).find(isLevel);
  return foreign ?? configured;
}

/** Why PROXY_LOG has no effect, or null. */
export function logLevelWarning(env: Env): string | null {
  const own = env("PROXY_LOG")?.trim() ?? "";
  if (own === "" || isLevel(own.toLowerCase())) return null;
  const near = nearest(own, LOG_LEVELS);
  return `PROXY_LOG: unknown level ${
    JSON.stringify(own.slice(0, 40))
  } (ignored), ${
    near === null
      ? `known are ${LOG_LEVELS.join(", ")}`
      : `did you mean "${near}"?`
  }`;
}
