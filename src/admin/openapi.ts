/** The management API as an OpenAPI 3.1 document, from the route table alone. */
import { z } from "zod";
import { changes, type Route } from "./route.ts";

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
      license: { name: "See the program's distribution" },
    },
    servers: [{ url: "/" }],
    security: [{ bearer: [] }],
    paths,
    components: {
      securitySchemes: { bearer: { type: "http", scheme: "bearer" } },
    },
  };
}

/** Every error that a route can answer with: status, then what it means. */
export function failures(route: Route): [status: number, summary: string][] {
  const found = new Map<number, string[]>();
  const add = (status: number, summary: string) => {
    const summaries = found.get(status) ?? [];
    if (!summaries.includes(summary)) {
      found.set(status, [...summaries, summary]);
    }
  };
  const names = Object.entries(route.parameters);
  const required = names.filter(([, p]) => p.required).map(([name]) => name);
  if (required.length > 0) {
    add(400, `\`${required.join(" and ")} required\``);
  }
  for (const [name, { schema }] of names) {
    if (schema instanceof z.ZodNumber) add(400, `\`invalid ${name}\``);
  }
  if (names.length > 0 || changes(route)) {
    add(400, "The query is malformed, or repeats a parameter");
  }
  if (changes(route)) add(400, "A parameter is unknown");
  for (const refusal of Object.values(route.refusals)) {
    const { status, summary, text } = refusal;
    add(status, text === undefined ? summary : `\`${text}\`: ${summary}`);
  }
  for (const [status, summary] of Object.entries(route.failures ?? {})) {
    add(Number(status), summary);
  }
  if (route.role !== "public") {
    add(401, "`unauthorized`: without a token, or with a wrong one");
    add(403, "`forbidden`: the token's role does not allow it");
    add(429, "The address failed too often; `Retry-After` says for how long");
  }
  add(500, "`internal error`");
  return [...found].sort(([a], [b]) => a - b)
    .map(([status, summaries]) => [status, summaries.join("; ")]);
}

function operation(route: Route): Json {
  return {
    operationId: route.cli.verb.join("_"),
    summary: route.summary,
    ...(route.description && { description: route.description }),
    "x-role": route.role,
    "x-cli": `mailferry ctl ${route.cli.verb.join(" ")}`,
    ...(route.role === "public" && { security: [] }),
    parameters: Object.entries(route.parameters).map(([name, parameter]) => ({
      name,
      in: "query",
      required: parameter.required,
      description: parameter.summary,
      schema: jsonSchema(parameter.schema),
    })),
    responses: {
      200: { description: "Done", content: content(route) },
      ...Object.fromEntries(
        failures(route).map(([status, description]) => [status, {
          description,
          content: { "text/plain": { schema: { type: "string" } } },
        }]),
      ),
    },
  };
}

function content(route: Route): Json {
  const type = route.form === "json" ? "application/json" : "text/plain";
  return { [type]: { schema: jsonSchema(route.response) } };
}

function jsonSchema(schema: z.ZodType): Json {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io: "input" });
  return rest;
}
