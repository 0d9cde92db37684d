/** Rules about `[[runtime.socket]]`. */
import { parseRuntimeBind } from "../schema_runtime.ts";
import type { Rule } from "./rule.ts";

type Sockets = NonNullable<
  NonNullable<Parameters<Rule>[0]["runtime"]>["socket"]
>;

function* eachSocket(
  draft: Parameters<Rule>[0],
): Generator<[(string | number)[], Sockets[number]]> {
  for (const [i, socket] of (draft.runtime?.socket ?? []).entries()) {
    yield [["runtime", "socket", i], socket];
  }
}

export const pathOrBind: Rule = (draft, issues) => {
  for (const [path, socket] of eachSocket(draft)) {
    const { bind } = socket;
    if ((socket.path === undefined) === (bind === undefined)) {
      issues.problem(path, "either path or bind is required, and not both");
    }
    if (bind === undefined) continue;
    if (socket.expose_listeners) {
      issues.problem(
        [...path, "expose_listeners"],
        "only on a UNIX socket (path) can a process show whose it is",
      );
    }
    for (const key of ["user", "group"] as const) {
      if (socket[key] !== undefined) {
        issues.problem(
          [...path, key],
          "only a UNIX socket (path) has an owner",
        );
      }
    }
  }
};

/** Whoever reaches the port may do what the level allows: nobody is asked who they are. */
export const openAddress: Rule = (draft, issues) => {
  for (const [path, { bind, level }] of eachSocket(draft)) {
    const endpoint = bind === undefined ? null : parseRuntimeBind(bind);
    if (endpoint === null || isLoopback(endpoint.hostname)) continue;
    if (level === "admin") {
      issues.problem(
        [...path, "level"],
        `must be "user" or "operator" because ${bind} is not a loopback address, and the runtime socket is neither encrypted nor authenticated`,
      );
    } else {
      issues.warn(
        [...path, "bind"],
        "whoever reaches this address may give commands, in clear and without a password: block it with a firewall",
      );
    }
  }
};

export const socketTwice: Rule = (draft, issues) => {
  const paths = new Set<string>();
  for (const [at, { path }] of eachSocket(draft)) {
    if (path === undefined) continue;
    if (paths.has(path)) {
      issues.problem([...at, "path"], "another socket has the same path");
    }
    paths.add(path);
  }
};

function isLoopback(hostname: string): boolean {
  return hostname === "::1" || hostname.startsWith("127.");
}
