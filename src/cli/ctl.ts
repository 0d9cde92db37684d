/** `mailferry ctl`: administration of a running proxy through its management API. */
import { routes } from "../admin/routes.ts";
import { fillPath, pathParameters } from "../admin/path.ts";
import type { Route } from "../admin/route.ts";
import { type AdminAnswer, request } from "./admin_client.ts";
import { findAdmin } from "./admin_target.ts";
import { type Invocation, parseArguments } from "./arguments.ts";
import { commandHelp, groupHelp } from "./help.ts";
import type { Env } from "../config/environment.ts";
import { CtlError, type CtlIo, type ExitCode, exits } from "./io.ts";
import { readTrustRoots } from "../net/trust_roots.ts";
import { renderJson } from "./table.ts";

/** Runs one command, `args` being what stands behind `ctl`. Answers the exit code; never rejects. */
export async function runCtl(
  args: readonly string[],
  env: Env,
  io: CtlIo,
): Promise<ExitCode> {
  try {
    const invocation = parseArguments(args, routes);
    const { route, globals, words } = invocation;
    if (globals.help !== undefined) {
      io.out(route ? commandHelp(route) : groupHelp(routes, words[0]));
      return exits.ok;
    }
    if (route === undefined) {
      io.err(groupHelp(routes, words[0]));
      return exits.usage;
    }
    return await call(route, invocation, env, io);
  } catch (error) {
    if (!(error instanceof CtlError)) throw error;
    io.err(`mailferry ctl: ${error.message}\n`);
    return error.exit;
  }
}

async function call(
  route: Route,
  { globals, values }: Invocation,
  env: Env,
  io: CtlIo,
): Promise<ExitCode> {
  const target = await findAdmin(globals, env, io);
  const caPem = globals.cacert === undefined
    ? undefined
    : await io.readFile(globals.cacert).catch((error: Error) => {
      throw new CtlError(
        exits.usage,
        `cannot read ${globals.cacert}: ${error.message}`,
      );
    });
  const inPath = pathParameters(route.path);
  const path = fillPath(route.path, values);
  const query = Object.entries(values)
    .filter(([name]) => !inPath.includes(name))
    .map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join("&");
  const answer = await request(
    target,
    {
      insecure: globals.insecure !== undefined,
      caPem,
      hostRoots: readTrustRoots(env),
    },
    route.method,
    query === "" ? path : `${path}?${query}`,
  );
  return show(answer, globals.json !== undefined, io);
}

/** Text answers are shown as they are; what was refused goes to standard error. */
function show(answer: AdminAnswer, json: boolean, io: CtlIo): ExitCode {
  const { status, headers, body } = answer;
  if (status !== 200) {
    io.err(body);
    return status === 404 ? exits.notFound : exits.refused;
  }
  const isJson = headers.get("content-type") === "application/json";
  if (isJson && !json) io.out(renderJson(JSON.parse(body)));
  else if (!isJson && json) io.out(`${JSON.stringify(body.trimEnd())}\n`);
  else io.out(body);
  return exits.ok;
}
