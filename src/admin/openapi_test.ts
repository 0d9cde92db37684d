import assert from "node:assert/strict";
import { z } from "zod";
import { openapi } from "./openapi.ts";
import { restOf } from "./path.ts";
import { reference } from "./reference.ts";
import { route } from "./route.ts";
import { routes } from "./routes.ts";

interface Operation {
  operationId: string;
  summary: string;
  security?: unknown[];
  parameters: { name: string; in: string; schema: Record<string, unknown> }[];
  responses: Record<
    string,
    { description: string; content: Record<string, { schema: unknown }> }
  >;
}

const document = openapi(routes);
const paths = document["paths"] as Record<string, Record<string, Operation>>;
const operations = Object.values(paths).flatMap((path) => Object.values(path));

// OpenAPI 3.1.0 4.8: what the specification asks of these objects.
Deno.test("openapi has every route once, with what the specification requires", () => {
  assert.equal(document.openapi, "3.1.0");
  // OpenAPI has no parameter for all that follows: the root has a path of its own.
  const twice = routes.filter(({ path }) => restOf(path) !== null);
  assert.equal(operations.length, routes.length + twice.length);
  const ids = operations.map(({ operationId }) => operationId);
  assert.equal(new Set(ids).size, ids.length);
  for (const operation of operations) {
    const names = operation.parameters.map(({ name }) => name);
    assert.equal(new Set(names).size, names.length);
    assert.ok(operation.parameters.every((p) => p.schema));
    for (const [status, response] of Object.entries(operation.responses)) {
      assert.match(status, /^[1-5]\d\d$/);
      assert.ok(response.description);
      assert.ok(Object.keys(response.content).length > 0);
    }
  }
  assert.deepEqual(JSON.parse(JSON.stringify(document)), document);
});

Deno.test("openapi tells parameters of the path from those of the query", () => {
  const { "/things/{name}": things } = openapi([
    route({
      method: "GET",
      path: "/things/{name}",
      summary: "A thing",
      role: "viewer",
      parameters: {
        name: { schema: z.string(), required: true, summary: "Which one" },
        part: { schema: z.string(), required: false, summary: "Of it" },
      },
      form: "text",
      response: z.string(),
      refusals: {},
      cli: { verb: ["things"], positional: ["name"] },
      handle: () => "",
    }),
  ])["paths"] as typeof paths;
  assert.deepEqual(
    things!["get"]!.parameters.map((p) => [p.name, p.in]),
    [["name", "path"], ["part", "query"]],
  );
});

Deno.test("openapi declares tokens, parameters and errors", () => {
  const { "/healthz": health, "/connections/delay": delay } = paths;
  assert.deepEqual(health!["get"]!.security, []);
  assert.deepEqual(Object.keys(health!["get"]!.responses), [
    "200",
    "400",
    "500",
  ]);
  const { parameters, responses, security } = delay!["post"]!;
  assert.equal(security, undefined);
  assert.deepEqual(parameters[1]!.schema, {
    type: "integer",
    minimum: 0,
    maximum: Number.MAX_SAFE_INTEGER,
  });
  assert.deepEqual(Object.keys(responses), [
    "200",
    "400",
    "401",
    "403",
    "429",
    "500",
  ]);
  const { 501: readOnly } = paths["/mappings"]!["put"]!.responses;
  assert.equal(readOnly!.description, "The mapping store is read-only");
});

Deno.test("reference has a section for every route", () => {
  const page = reference(routes);
  for (const { method, path } of routes) {
    assert.ok(page.includes(`\n## ${method} ${path}\n`), `${method} ${path}`);
  }
  assert.ok(page.includes("200 answers `removed` or `absent`.\n"));
  assert.ok(page.includes("| 404 | `unknown destination`: "));
});
