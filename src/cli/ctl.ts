/** `mailferry ctl`: administration of a running proxy through its management API. */
import { routes } from "../admin/routes.ts";
import { fillPath, pathParameters } from "../admin/path.ts";
import type { Route } from "../admin/route.ts";
import {
  type AdminAnswer,
  exchange,
  request,
  type StreamedBody,
} from "./admin_client.ts";
import { findAdmin } from "./admin_target.ts";
import { type Invocation, parseArguments } from "./arguments.ts";
import { commandHelp, groupHelp } from "./help.ts";
import type { Env } from "../config/environment.ts";
import { whyUnreadable } from "../config/named_files.ts";
import { CtlError, type CtlIo, type ExitCode, exits } from "./io.ts";
import { readTrustRoots } from "../net/trust_roots.ts";
import { Progress } from "./progress.ts";
import { renderJson } from "./table.ts";
import { barOf, fileBody, formatOfFile, printStream } from "./transfer.ts";

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
  { globals, values, lists }: Invocation,
  env: Env,
  io: CtlIo,
): Promise<ExitCode> {
  const target = await findAdmin(globals, env, io);
  const caPem = globals.cacert === undefined
    ? undefined
    : await readFile(globals.cacert, io);
  const inPath = pathParameters(route.path);
  const path = fillPath(route.path, values);
  const { compose } = route.cli;
  const headers: Record<string, string> = {};
  const inQuery: [name: string, value: string][] = [];
  for (const [name, value] of Object.entries(values)) {
    const parameter = route.parameters[name];
    // The others make the body.
    if (parameter === undefined) continue;
    const { header } = parameter;
    if (header !== undefined) headers[header] = value.replace(/[^ -~]/g, "?");
    else if (!inPath.includes(name)) inQuery.push([name, value]);
  }
  const read = (path: string) => readFile(path, io);
  const progress = new Progress(barOf(io));
  let body: string | StreamedBody | undefined;
  if (compose) {
    body = await compose.body({ values, lists, read });
    headers["content-type"] = route.body!.types[0];
  } else if (values["file"] !== undefined) {
    const { file } = values;
    if (route.body!.streamed) {
      if (values["format"] === undefined) {
        inQuery.push(["format", formatOfFile(file)]);
      }
      body = await fileBody(file, io, progress);
    } else {
      body = await read(file);
      headers["content-type"] = contentType(file, route);
    }
  }
  const query = inQuery
    .map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join("&");
  const verification = {
    insecure: globals.insecure !== undefined,
    caPem,
    hostRoots: readTrustRoots(env),
  };
  const sent = {
    method: route.method,
    path: query === "" ? path : `${path}?${query}`,
    headers,
    ...(body !== undefined && { body }),
  };
  if (route.form === "stream") {
    return await exchange(
      target,
      verification,
      sent,
      (answer, stream) => printStream(answer, stream, io),
    );
  }
  const answer = await request(target, verification, sent)
    .finally(() => progress.end());
  return show(answer, route, globals.json !== undefined, io);
}

async function readFile(path: string, io: CtlIo): Promise<string> {
  try {
    return await io.readFile(path);
  } catch (error) {
    const reason = whyUnreadable(error);
    throw new CtlError(exits.usage, `cannot read ${path}: ${reason}`);
  }
}

/** By the file's name; what the route does not take is taken for its first type. */
function contentType(file: string, { body }: Route): string {
  const extension = /\.(\w+)$/.exec(file)?.[1]?.toLowerCase() ?? "";
  const types = body?.types ?? [];
  return types.find((type) => type.endsWith(`/${extension}`)) ?? types[0]!;
}

/** Text answers are shown as they are; a refusal in words goes to standard error. */
function show(
  answer: AdminAnswer,
  route: Route,
  json: boolean,
  io: CtlIo,
): ExitCode {
  const { status, headers, body } = answer;
  const isJson = headers.get("content-type") === "application/json";
  const exit = status === 200
    ? exits.ok
    : status === 404
    ? exits.notFound
    : exits.refused;
  if (status !== 200 && !isJson) {
    io.err(body);
    return exit;
  }
  if (isJson && route.cli.document && !json) {
    io.out(`${JSON.stringify(JSON.parse(body), null, 2)}\n`);
  } else if (isJson && !json) io.out(renderJson(JSON.parse(body)));
  else if (!isJson && json) io.out(`${JSON.stringify(body.trimEnd())}\n`);
  else io.out(body);
  return exit;
}
