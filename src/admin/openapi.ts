/** The management API as an OpenAPI 3.1 document, from the route table alone. */
import { z } from "zod";
import { BODY_LIMIT } from "./body.ts";
import { pathParameters, restOf } from "./path.ts";
import { contentTypes, type Route } from "./route.ts";

/** The version of the API, which changes with its contract and not with the program. */
const API_VERSION = "1.0.0";

interface OpenApi {
  readonly openapi: "3.1.0";
  readonly [key: string]: unknown;
}

type Json = Record<string, unknown>;

export function openapi(routes: readonly Route[]): OpenApi {
  const paths: Record<string, Json> = {};
  for (const route of routes) {
    for (const [path, operated] of operations(route)) {
      (paths[path] ??= {})[route.method.toLowerCase()] = operated;
    }
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "mailferry management API",
      version: API_VERSION,
      description:
        "Text answers are lines with a newline. In query values `+` stands for itself.",
    },
    servers: [{ url: "/" }],
    security: [{ bearer: [] }],
    paths,
    components: {
      securitySchemes: { bearer: { type: "http", scheme: "bearer" } },
    },
  };
}

type Failure = readonly [status: number, summary: string];

/** What every route with a token can answer as well. */
const SHARED_FAILURES: readonly Failure[] = [
  [401, "`unauthorized`: without a token, or with a wrong one"],
  [403, "`forbidden`: the token's role does not allow it"],
  [429, "The address failed too often; `Retry-After` says for how long"],
];

/** The errors of a route itself, by status: what was wrong, and the body where it is fixed. */
export function ownFailures(route: Route): Failure[] {
  const found: Failure[] = [];
  const names = Object.entries(route.parameters);
  const inPath = pathParameters(route.path);
  const required = names.filter(([name, p]) =>
    p.required && !inPath.includes(name)
  ).map(([name]) => name);
  if (required.length > 0) {
    found.push([400, `\`${required.join(" and ")} required\``]);
  }
  for (const [name, { schema }] of names) {
    if (schema instanceof z.ZodNumber) found.push([400, `\`invalid ${name}\``]);
  }
  for (const { status, summary, text } of Object.values(route.refusals)) {
    found.push([
      status,
      text === undefined ? summary : `\`${text}\`: ${summary}`,
    ]);
  }
  for (const declared of [route.outcomes, route.failures]) {
    for (const [status, summary] of Object.entries(declared ?? {})) {
      found.push([Number(status), summary]);
    }
  }
  if (route.body) {
    found.push(
      [415, `The content type is none of ${route.body.types.join(", ")}`],
    );
    if (!route.body.streamed) {
      const like = route.body.schema ? ", or not of that form" : "";
      found.push(
        [400, `The body is not UTF-8${like}`],
        [413, `The body is larger than ${BODY_LIMIT} bytes`],
      );
    }
  }
  return merged(found);
}

/** One entry a status, in order. */
function merged(failures: readonly Failure[]): Failure[] {
  return [...Map.groupBy(failures, ([status]) => status)]
    .sort(([a], [b]) => a - b)
    .map(([status, same]) => [
      status,
      [...new Set(same.map(([, summary]) => summary))].join("; "),
    ]);
}

/** A route by each path that OpenAPI has for it: a parameter there is one segment, and never empty. */
function operations(route: Route): [path: string, Json][] {
  const rest = restOf(route.path);
  if (rest === null) return [[route.path, operation(route)]];
  const { [rest.name]: _, ...others } = route.parameters;
  const root = { ...route, path: `${rest.base}/` as const, parameters: others };
  const named = `${rest.base}/{${rest.name}}` as Route["path"];
  return [
    [root.path, operation(root as Route, "_root")],
    [named, operation({ ...route, path: named })],
  ];
}

function operation(route: Route, suffix = ""): Json {
  const inPath = pathParameters(route.path);
  return {
    operationId: route.cli.verb.join("_") + suffix,
    summary: route.summary,
    ...(route.description && { description: route.description }),
    "x-role": route.role,
    "x-cli": `mailferry ctl ${route.cli.verb.join(" ")}`,
    ...(route.role === "public" && { security: [] }),
    parameters: Object.entries(route.parameters).map(([name, parameter]) => ({
      name: parameter.header ?? name,
      in: parameter.header
        ? "header"
        : inPath.includes(name)
        ? "path"
        : "query",
      required: parameter.required || inPath.includes(name),
      description: parameter.summary,
      schema: jsonSchema(parameter.schema),
    })),
    ...(route.body && {
      requestBody: {
        description: route.body.summary,
        required: true,
        content: Object.fromEntries(
          route.body.types.map((type) => [type, {
            ...(route.body!.schema &&
              { schema: jsonSchema(route.body!.schema) }),
          }]),
        ),
      },
    }),
    responses: {
      200: {
        description: "Done",
        ...(route.headers && { headers: headersOf(route.headers) }),
        content: content(route),
      },
      ...Object.fromEntries(
        merged([
          ...ownFailures(route),
          [400, "The query is malformed, or a parameter repeated or unknown"],
          ...(route.role === "public" ? [] : SHARED_FAILURES),
          [500, "`internal error`"],
        ]).map(([status, description]) => [status, {
          description,
          content: {
            "text/plain": { schema: { type: "string" } },
            ...(route.outcomes?.[status] && content(route)),
          },
        }]),
      ),
    },
  };
}

function headersOf(headers: Readonly<Record<string, string>>): Json {
  return Object.fromEntries(
    Object.entries(headers).map(([name, description]) => [name, {
      description,
      schema: { type: "string" },
    }]),
  );
}

function content(route: Route): Json {
  const schema = route.form === "typed" || route.form === "stream"
    ? { type: "string" }
    : jsonSchema(route.response);
  return Object.fromEntries(
    contentTypes(route).map((type) => [type, { schema }]),
  );
}

function jsonSchema(schema: z.ZodType): Json {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io: "input" });
  return rest;
}
