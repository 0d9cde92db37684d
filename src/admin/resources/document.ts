/** The configuration as a document, read and changed in place (spec section 13). */
import { z } from "zod";
import { type Edit, edit } from "../../config/document/edit.ts";
import { checkIfMatch, etagOf } from "../../config/document/etag.ts";
import { fingerprint } from "../../config/document/fingerprint.ts";
import { readDocument } from "../../config/document/formats.ts";
import { pathOfId } from "../../config/document/ids.ts";
import type { Json } from "../../config/document/json.ts";
import {
  type DocumentPath,
  formatConfigPath,
  parsePath,
  type Target,
} from "../../config/document/path.ts";
import { read } from "../../config/document/read.ts";
import { DocumentError } from "../../config/document/error.ts";
import { type Call, type Parameter, route } from "../route.ts";
import {
  completed,
  forced,
  ifMatch,
  mustRevalidate,
  refusable,
  stale,
} from "./configuration.ts";
import { changedSchema } from "../schemas.ts";

const pathParameter = (what: string) => ({
  schema: z.string(),
  required: false,
  summary:
    `Names and indices from ${what} on, with slashes between; a slash in a name is \`%2F\``,
} as const);

/** How a place in the configuration is named: by its path, or from an object with an `@id` on. */
interface Naming {
  readonly path: `/${string}`;
  readonly verb: string;
  readonly parameters: { readonly id?: Parameter; readonly path: Parameter };
  readonly positional: readonly ("id" | "path")[];
  locate(document: Json | null, values: Call["values"]): Target;
}

const byPath: Naming = {
  path: "/config/{path...}",
  verb: "config",
  parameters: { path: pathParameter("the root") },
  positional: ["path"],
  locate: (_document, values) => parsePath(String(values["path"] ?? "")),
};

const byId: Naming = {
  path: "/id/{id}/{path...}",
  verb: "id",
  parameters: {
    id: {
      schema: z.string(),
      required: true,
      summary: "The `@id` of an object in the configuration",
    },
    path: pathParameter("that object"),
  },
  positional: ["id", "path"],
  locate(document, values) {
    const { path, each } = parsePath(String(values["path"] ?? ""));
    const object = pathOfId(document, String(values["id"]));
    return { path: [...object, ...path], each };
  },
};

interface Verb {
  readonly method: Edit["method"];
  readonly word: string;
  readonly summary: string;
  readonly description: string;
}

const VERBS: readonly Verb[] = [
  {
    method: "POST",
    word: "set",
    summary: "Set or replace a value, or add it to a list",
    description:
      "At a list the value becomes its last element; with `/...` at the end of the path each element of a list does. An object's member is set whether it exists or not.",
  },
  {
    method: "PUT",
    word: "create",
    summary: "Create a value, or insert it into a list",
    description:
      "At an index of a list the value is inserted before the element there. A member must not exist; the objects on the way to it are made.",
  },
  {
    method: "PATCH",
    word: "replace",
    summary: "Replace a value that exists",
    description: "Of a list, the whole or the element at an index.",
  },
  {
    method: "DELETE",
    word: "delete",
    summary: "Take a value away",
    description:
      "Of a list, the whole or the element at an index. The root unloads the configuration: every listener closes and sessions go on; the management API stays.",
  },
];

const EFFECT =
  "The whole configuration is validated and put in force, or nothing changes.";

const bad = {
  status: 400,
  summary:
    "The path leads nowhere, the header or the body is malformed, or the configuration would not be valid: one problem on each line",
};

function reading(naming: Naming, what: string) {
  return route({
    method: "GET",
    path: naming.path,
    summary: `The configuration ${what}`,
    description:
      "What is absent reads as `null`. A secret reads as a placeholder, which keeps the secret where it is written back.",
    role: "viewer",
    parameters: naming.parameters,
    form: "json",
    response: z.unknown(),
    headers: {
      Etag:
        "the path and a hash of what is there, for `If-Match` of a change in this scope",
    },
    refusals: {
      invalid: { status: 400, summary: "The path leads nowhere" },
      ...(naming === byId && {
        unknown: { status: 404, summary: "No object has the id" },
      }),
    },
    cli: {
      verb: [naming.verb, "get"],
      positional: naming.positional,
      document: true,
    },
    handle: (call) =>
      refusable(() => {
        const { config } = call.control;
        const document = config.secrets.redact(config.document());
        const { path, each } = naming.locate(document, call.values);
        if (each) throw new DocumentError("invalid", "/... is for POST alone");
        const value = read(document, path);
        call.setHeader("etag", etagOf(path, value));
        // A server that compressed the answer would make the tag a weak one, which If-Match never matches.
        const caching = "no-store, no-transform, must-revalidate";
        call.setHeader("cache-control", caching);
        return value;
      }),
  });
}

function changing(naming: Naming, verb: Verb) {
  const { method, word, summary, description } = verb;
  return route({
    method,
    path: naming.path,
    summary: naming === byId ? `${summary}, from an object's id on` : summary,
    description: `${description} ${EFFECT}`,
    role: "admin",
    parameters: {
      ...naming.parameters,
      "if-match": ifMatch,
      "cache-control": mustRevalidate,
    },
    ...(method !== "DELETE" && {
      body: { summary: "The value as JSON", types: ["application/json"] },
    }),
    form: "json",
    response: changedSchema,
    refusals: {
      invalid: bad,
      failed: { status: 500, summary: "It could not be saved" },
      ...((naming === byId || method === "PATCH" || method === "DELETE") && {
        unknown: { status: 404, summary: "There is no such object" },
      }),
      conflict: {
        status: 409,
        summary: method === "PUT"
          ? "The value exists, or the proxy is stopping"
          : "The proxy is stopping",
      },
      stale,
    },
    cli: { verb: [naming.verb, word], positional: naming.positional },
    handle: (call) => refusable(() => change(naming, method, call)),
  });
}

async function change(naming: Naming, method: Edit["method"], call: Call) {
  const { control: { config }, values, body } = call;
  const { secrets } = config;
  const value = method === "DELETE" ? null : readDocument(body.type, body.text);
  const tag = values["if-match"];
  const done = await config.change((current) => {
    const shown = secrets.redact(current);
    if (tag !== undefined) checkIfMatch(String(tag), shown);
    const target = naming.locate(current, values);
    const wanted = edit(
      current,
      method === "DELETE"
        ? { ...target, method }
        : { ...target, method, value },
    );
    const whole = wanted === null && method === "DELETE"
      ? null
      : completed(wanted, config);
    call.note({
      path: formatConfigPath(target.path),
      before: hashAt(shown, target.path),
      after: hashAt(secrets.redact(whole), target.path),
    });
    return whole;
  }, { force: forced(values) });
  const { changed, note } = done;
  return { changed, note };
}

function hashAt(document: Json | null, path: DocumentPath): string {
  try {
    return fingerprint(read(document, path));
  } catch (error) {
    if (!(error instanceof DocumentError)) throw error;
    return fingerprint(undefined);
  }
}

export const documentRoutes = [
  reading(byPath, "in force, or a part of it"),
  ...VERBS.map((verb) => changing(byPath, verb)),
  reading(byId, "from an object's id on"),
  ...VERBS.map((verb) => changing(byId, verb)),
];
