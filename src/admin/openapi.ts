/** The management API as an OpenAPI 3.1 document, from the route table alone. */
import { z } from "zod";
import { pathParameters } from "./path.ts";
import { contentTypes, type Route } from "./route.ts";

/** The version of the API, which changes with its contract and not with the program. */
export const API_VERSION = "1.0.0";

interface OpenApi {
  readonly openapi: "3.1.0";
  readonly [key: string]: unknown;
}

type Json = Record<string, unknown>;

export function openapi(routes: readonly Route[]): OpenApi {
  const paths: Record<string, Json> = {};
  for (const route of routes) {
    (paths[route.path] ??= {})[route.method.toLowerCase()] = operation(route);
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "mailferry management API",
      version: API_VERSION,
      description:
        "Text answers are one line with a newline. In query values `+` stands for itself.",
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
  for (const [status, summary] of Object.entries(route.failures ?? {})) {
    found.push([Number(status), summary]);
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

function operation(route: Route): Json {
  const inPath = pathParameters(route.path);
  return {
    operationId: route.cli.verb.join("_"),
    summary: route.summary,
    ...(route.description && { description: route.description }),
    "x-role": route.role,
    "x-cli": `mailferry ctl ${route.cli.verb.join(" ")}`,
    ...(route.role === "public" && { security: [] }),
    parameters: Object.entries(route.parameters).map(([name, parameter]) => ({
      name,
      in: inPath.includes(name) ? "path" : "query",
      required: parameter.required,
      description: parameter.summary,
      schema: jsonSchema(parameter.schema),
    })),
    responses: {
      200: { description: "Done", content: content(route) },
      ...Object.fromEntries(
        merged([
          ...ownFailures(route),
          [400, "The query is malformed, or a parameter repeated or unknown"],
          ...(route.role === "public" ? [] : SHARED_FAILURES),
          [500, "`internal error`"],
        ]).map(([status, description]) => [status, {
          description,
          content: { "text/plain": { schema: { type: "string" } } },
        }]),
      ),
    },
  };
}

function content(route: Route): Json {
  const schema = route.form === "typed"
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
