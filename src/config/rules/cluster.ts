/** Rules about `[cluster]`. */
import { parseRedisUrl, RedisUrlFault } from "../redis_url.ts";
import { parseSqlUrl, SqlUrlFault } from "../sql_url.ts";
import type { Rule } from "./rule.ts";

export const clusterUrl: Rule = (draft, issues) => {
  const { bus, url } = draft.cluster ?? {};
  if (bus === undefined || url === undefined) return;
  const path = ["cluster", "url"];
  try {
    if (bus === "redis") parseRedisUrl(url);
    else if (!/^postgres(?:ql)?:/.test(url)) {
      issues.problem(path, "must start with postgres:// for this bus");
    } else parseSqlUrl(url);
  } catch (error) {
    if (!(error instanceof RedisUrlFault || error instanceof SqlUrlFault)) {
      throw error;
    }
    issues.problem(path, error.message);
  }
};

export const sharedMappings: Rule = (draft, issues) => {
  if (draft.cluster === undefined || draft.mapping?.source !== "file") return;
  issues.warn(
    ["mapping", "source"],
    "a file is this proxy's own: the others of the cluster do not see what is changed in it",
  );
};
