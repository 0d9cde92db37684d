/**
 * The configuration as a whole, and the description of this API. What it takes to understand a configuration
 * is loaded where it is used: `ctl` is made from these routes, and needs none of it.
 */
import { z } from "zod";
import { checkIfMatch } from "../../config/document/etag.ts";
import { documentTypes, readDocument } from "../../config/document/formats.ts";
import type { Json } from "../../config/document/json.ts";
import { formatConfigPath, parsePath } from "../../config/document/path.ts";
import { fingerprint } from "../../config/document/fingerprint.ts";
import { processEnv } from "../../config/environment.ts";
import type { RequestBody } from "../body.ts";
import { openapi } from "../openapi.ts";
import { route } from "../route.ts";
import {
  adaptedSchema,
  changedSchema,
  differencesSchema,
  reloadedSchema,
  savedSchema,
  trueOrFalse,
} from "../schemas.ts";
import {
  completed,
  forced,
  ifMatch,
  mustRevalidate,
  refusable,
  stale,
} from "./configuration.ts";

const refused = {
  status: 400,
  summary: "Refused with the reason; the running configuration stays",
};

const body = {
  summary: "A configuration",
  types: documentTypes,
} as const;

const discard = (what: string) =>
  ({
    schema: trueOrFalse,
    required: false,
    summary: `\`true\`: ${what}`,
  }) as const;

export const configRoutes = [
  route({
    method: "POST",
    path: "/config/reload",
    summary: "Read the configuration file and the certificates again",
    description:
      "The running configuration is replaced only by a valid one. `note` names what needs a restart.",
    role: "admin",
    parameters: {
      discard: discard(
        "changes that were made by this API go, where the file has not got them",
      ),
    },
    form: "json",
    response: reloadedSchema,
    refusals: {
      invalid: refused,
      failed: refused,
      conflict: {
        status: 409,
        summary:
          "The API has changed the configuration, and the file differs from that",
      },
    },
    cli: { verb: ["config", "reload"], positional: [] },
    handle: ({ control, values }) =>
      control.config.reload({ discard: values.discard === "true" }),
  }),
  route({
    method: "GET",
    path: "/config/diff",
    summary: "Where the running configuration differs from its file",
    description:
      "Against the file as it was read last. What is absent is `null`; secrets are placeholders, which differ where the secrets do.",
    role: "viewer",
    parameters: {},
    form: "json",
    response: differencesSchema,
    refusals: {},
    cli: { verb: ["config", "diff"], positional: [] },
    handle({ control: { config } }) {
      const shown = (path: string, value: Json | undefined) =>
        config.secrets.redactAt(parsePath(path).path, value ?? null);
      return {
        differences: config.difference().map(({ path, before, after }) => ({
          path,
          file: shown(path, before),
          running: shown(path, after),
        })),
      };
    },
  }),
  route({
    method: "POST",
    path: "/config/save",
    summary: "Write the running configuration over its file",
    description: "Comments of the file do not survive it.",
    role: "admin",
    parameters: {
      discard: discard(
        "what was written into the file since it was read goes",
      ),
    },
    form: "json",
    response: savedSchema,
    refusals: {
      conflict: {
        status: 409,
        summary:
          "The file was changed since it was read, or no configuration is loaded",
      },
      failed: { status: 500, summary: "The file could not be written" },
    },
    cli: { verb: ["config", "save"], positional: [] },
    handle: async ({ control, values }) => ({
      saved: await control.config.save({ discard: values.discard === "true" }),
    }),
  }),
  route({
    method: "GET",
    path: "/config/schema",
    summary: "JSON Schema of the configuration",
    role: "viewer",
    parameters: {},
    form: "json",
    response: z.looseObject({ $schema: z.string() }),
    refusals: {},
    cli: { verb: ["config", "schema"], positional: [], document: true },
    handle: async () => {
      const { configJsonSchema } = await import("../../config/schema.ts");
      return configJsonSchema() as { $schema: string };
    },
  }),
  route({
    method: "POST",
    path: "/load",
    summary: "Put another configuration in force",
    description:
      "It takes the place of the whole running one, at once and without dropping a session, or nothing changes. The same configuration again does nothing, unless `Cache-Control: must-revalidate` is given. Placeholders stand for the secrets of the running one.",
    role: "admin",
    parameters: { "if-match": ifMatch, "cache-control": mustRevalidate },
    body,
    form: "json",
    response: changedSchema,
    refusals: {
      invalid: {
        status: 400,
        summary:
          "The body does not parse, or the configuration is not valid: one problem on each line",
      },
      failed: { status: 500, summary: "It could not be saved" },
      conflict: { status: 409, summary: "The proxy is stopping" },
      stale,
    },
    cli: { verb: ["config", "load"], positional: ["file"] },
    handle: ({ control: { config }, body, values, note }) =>
      refusable(async () => {
        const wanted = readDocument(body.type, body.text);
        const tag = values["if-match"];
        const done = await config.change((current) => {
          const shown = config.secrets.redact(current);
          if (tag !== undefined) checkIfMatch(tag, shown);
          const whole = completed(wanted, config);
          note({
            path: formatConfigPath([]),
            before: fingerprint(shown),
            after: fingerprint(config.secrets.redact(whole)),
          });
          return whole;
        }, { force: forced(values) });
        return { changed: done.changed, note: done.note };
      }),
  }),
  route({
    method: "POST",
    path: "/adapt",
    summary: "A configuration as JSON, without putting it in force",
    description:
      "`warnings` are what would be warned about or refused, as far as the text alone tells.",
    role: "viewer",
    parameters: {},
    body,
    safe: true,
    form: "json",
    response: adaptedSchema,
    refusals: {
      invalid: { status: 400, summary: "The body does not parse" },
    },
    cli: { verb: ["config", "adapt"], positional: ["file"], document: true },
    handle: ({ body }) =>
      refusable(async () => ({
        result: readDocument(body.type, body.text),
        warnings: await warningsOf(body),
      })),
  }),
  route({
    method: "POST",
    path: "/stop",
    summary: "Stop accepting, let sessions finish, and exit",
    description:
      "As on SIGTERM: sessions may go on for `shutdown_grace`; asked for again, it changes nothing. `DELETE /config/` unloads the configuration and lets the process live.",
    role: "admin",
    parameters: {},
    form: "text",
    response: z.literal("stopping"),
    refusals: {},
    cli: { verb: ["stop"], positional: [] },
    handle({ control }) {
      control.shutDown();
      return "stopping" as const;
    },
  }),
  route({
    method: "GET",
    path: "/openapi.json",
    summary: "This API as an OpenAPI 3.1 document",
    role: "viewer",
    parameters: {},
    form: "json",
    response: z.looseObject({ openapi: z.literal("3.1.0") }),
    refusals: {},
    cli: { verb: ["openapi"], positional: [] },
    handle: ({ routes }) => openapi(routes),
  }),
];

/** With lines where the text is TOML, as a file has them. */
async function warningsOf({ type, text }: RequestBody) {
  const { loadConfig, validateDocument } = await import(
    "../../config/load.ts"
  );
  const options = { file: "", strict: true, env: processEnv };
  const result = type.endsWith("/toml")
    ? await loadConfig(text, options)
    : await validateDocument(readDocument(type, text), options);
  const problems = result.ok ? [] : result.problems;
  return [...problems, ...result.warnings].map(({ line, key, message }) => (
    { line, key, message }
  ));
}
