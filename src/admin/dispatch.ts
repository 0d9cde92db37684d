/** From a request to a response, without sockets. */
import { ControlError, type ControlPlane } from "../control/api.ts";
import type { AuditLog, ChangeDetail } from "../control/audit_log.ts";
import type { LogLine } from "../port/messages.ts";
import { allows, type Authenticator, type Principal } from "./auth.ts";
import type { Lockout } from "./lockout.ts";
import { discardBody, readBody } from "./body.ts";
import { readParameters } from "./parameters.ts";
import { matchPath } from "./path.ts";
import {
  AdminError,
  type CallDetail,
  changes,
  defaultRefusals,
  type Route,
} from "./route.ts";
import { parseTarget, type Target } from "./target.ts";

export interface DispatchOptions {
  readonly routes: readonly Route[];
  readonly control: ControlPlane;
  readonly authenticator: Authenticator;
  readonly lockout: Lockout;
  readonly log: (line: LogLine) => void;
  readonly audit: AuditLog;
  /** How an account appears in audit lines. */
  readonly shorten: (identifier: string) => string;
  /** Aborted when the server closes. */
  readonly closing: AbortSignal;
}

export type Dispatch = (request: Request, peer: string) => Promise<Response>;

interface Answer {
  readonly status: number;
  readonly body: string | ReadableStream<Uint8Array>;
  readonly type: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** For the audit line. */
  readonly result: string;
}

/**
 * Builds the handler of all requests. The order is part of the contract: public routes, lockout,
 * token, path, method, role, parameters.
 */
export function createDispatch(options: DispatchOptions): Dispatch {
  const byPath = Map.groupBy(options.routes, (route) => route.path as string);

  const answered = async (request: Request, peer: string) => {
    // HEAD is GET without the body (RFC 9110 9.3.2).
    const method = request.method === "HEAD" ? "GET" : request.method;
    const target = parseTarget(request.url);
    const ask = { request, target, peer };
    try {
      const open = byPath.get(target.rawPath)?.find((route) =>
        route.role === "public" && route.method === method
      );
      if (open) return respond(request, await run(options, open, null, ask));
      const principal = authenticate(options, request, peer);
      const { route, inPath } = select(byPath, target.rawPath, method);
      return respond(
        request,
        await run(options, route, principal, { ...ask, inPath }),
      );
    } catch (error) {
      return respond(request, refusal(options, error, target.rawPath));
    }
  };
  return async (request, peer) => {
    const response = await answered(request, peer);
    await discardBody(request);
    return response;
  };
}

/** The route of a request, and the parameters that stand in its path. */
function select(
  byPath: ReadonlyMap<string, readonly Route[]>,
  rawPath: string,
  method: string,
) {
  for (const [path, candidates] of byPath) {
    const inPath = matchPath(path, rawPath);
    if (inPath === null) continue;
    const route = candidates.find((route) => route.method === method);
    if (route !== undefined) return { route, inPath };
    throw new AdminError(405, "method not allowed", {
      allow: allowed(candidates),
    });
  }
  throw new AdminError(404, "not found");
}

function authenticate(
  { lockout, authenticator, log }: DispatchOptions,
  request: Request,
  peer: string,
): Principal {
  const locked = lockout.remaining(peer);
  if (locked > 0) {
    throw new AdminError(429, "too many failed attempts", {
      "retry-after": String(Math.ceil(locked / 1000)),
    });
  }
  const principal = authenticator.identify(
    request.headers.get("authorization"),
  );
  if (principal === null) {
    log({
      level: "warn",
      event: lockout.failed(peer) ? "admin_locked_out" : "admin_unauthorized",
      fields: { client: peer },
    });
    throw new AdminError(401, "unauthorized", { "www-authenticate": "Bearer" });
  }
  lockout.succeeded(peer);
  return principal;
}

interface Ask {
  readonly request: Request;
  readonly target: Target;
  readonly peer: string;
  readonly inPath?: Readonly<Record<string, string>>;
}

/** One call of a route, from the role to the audit line. */
async function run(
  options: DispatchOptions,
  route: Route,
  principal: Principal | null,
  { request, target, peer, inPath = {} }: Ask,
): Promise<Answer> {
  let values: Readonly<Record<string, unknown>> = {};
  let answer: Answer;
  let detail: ChangeDetail & CallDetail = {};
  let status = 200;
  const headers: Record<string, string> = {};
  try {
    if (principal && !allows(principal, route.role)) {
      throw new AdminError(403, "forbidden");
    }
    values = readParameters(route, target.rawQuery, inPath, request.headers);
    const body = await readBody(request, route.body);
    const { control, routes, audit, shorten, closing } = options;
    const note = (noted: ChangeDetail & CallDetail) => void (detail = noted);
    const value = await route.handle({
      ...{
        control,
        request,
        values,
        routes,
        body,
        audit,
        note,
        shorten,
        closing,
      },
      by: principal?.name ?? "",
      setStatus: (other) => void (status = other),
      setHeader: (name, value) => void (headers[name] = value),
    });
    answer = { ...answered(route, value), status, headers };
  } catch (error) {
    answer = refusal(options, error, route.path, route);
  }
  if (principal && changes(route)) {
    const { status, result } = answer;
    const { parameters, result: noted = result, ...changed } = detail;
    options.audit.record({
      via: "api",
      actor: principal.name,
      role: principal.role,
      client: peer,
      action: `${route.method} ${route.path}`,
      parameters: {
        ...shortened(route, values, options.shorten),
        ...parameters,
      },
      ...changed,
      status,
      result: noted,
    });
  }
  return answer;
}

/** What an error is answered with. Only errors meant for the caller show their text. */
function refusal(
  { log }: DispatchOptions,
  error: unknown,
  path: string,
  route?: Route,
): Answer {
  if (error instanceof AdminError) {
    return { ...text(error.status, error.message), headers: error.headers };
  }
  if (error instanceof ControlError) {
    const { status, text: fixed } = route?.refusals[error.code] ??
      defaultRefusals[error.code];
    return { ...text(status, fixed ?? error.message), result: error.code };
  }
  log({
    level: "error",
    event: "admin_internal_error",
    fields: { path, error: String(error) },
  });
  return text(500, "internal error");
}

function text(status: number, body: string): Answer {
  return { status, body, type: "text/plain; charset=utf-8", result: body };
}

/** What a handler answered, in the form of its route. */
function answered({ form }: Route, value: unknown): Answer {
  if (form === "text") return text(200, value as string);
  const { type, body } = form === "json"
    ? { type: "application/json", body: JSON.stringify(value) }
    : value as Pick<Answer, "type" | "body">;
  return { status: 200, type, body, result: "done" };
}

function respond(request: Request, answer: Answer): Response {
  const headers = new Headers(answer.headers);
  headers.set("content-type", answer.type);
  if (!headers.has("cache-control")) headers.set("cache-control", "no-store");
  headers.set("x-content-type-options", "nosniff");
  const { body: content } = answer;
  const isEmpty = request.method === "HEAD";
  if (isEmpty && typeof content !== "string") void content.cancel();
  const body = isEmpty
    ? null
    : typeof content === "string"
    ? `${content}\n`
    : content as ReadableStream<Uint8Array<ArrayBuffer>>;
  return new Response(body, { status: answer.status, headers });
}

function allowed(candidates: readonly Route[]): string {
  return candidates.flatMap(({ method }) =>
    method === "GET" ? ["GET", "HEAD"] : [method]
  ).join(", ");
}

function shortened(
  route: Route,
  values: Readonly<Record<string, unknown>>,
  shorten: (identifier: string) => string,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [
      name,
      route.parameters[name]?.account ? shorten(String(value)) : String(value),
    ]),
  );
}
