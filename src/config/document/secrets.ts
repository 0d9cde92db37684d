/** Secrets of a document, which nobody reads back: placeholders stand for them. */
import { createHmac } from "node:crypto";
import { z } from "zod";
import { inspect, isTable } from "../inspect.ts";
import type { KeyMeta } from "../scalars.ts";
import { configSchema } from "../schema.ts";
import { DocumentError } from "./error.ts";
import { ID_KEY } from "./ids.ts";
import { type Json, object } from "./json.ts";
import { type DocumentPath, formatConfigPath } from "./path.ts";
import { read } from "./read.ts";

const PLACEHOLDER = /<secret:[0-9a-f]{24}>/;

/** Where a secret belongs, one that was copied badly must not become the secret. */
const LIKE_A_PLACEHOLDER = /<secret:/i;

const ID_SCHEMA = z.string();

/** A text of a document; `kind` is undefined where it is no secret. */
type Visit = (
  text: string,
  kind: KeyMeta["secret"],
  path: DocumentPath,
) => string;

/**
 * Hides secrets and puts them back. A placeholder names its secret by a keyed digest, so that it
 * means the same wherever it is written, and tells nothing to whoever has not the key.
 */
export class Secrets {
  constructor(private readonly key: Uint8Array) {}

  /** A whole document without its secrets. Equal secrets have equal placeholders. */
  redact(document: Json | null): Json | null {
    return visit(
      document,
      (text, kind) =>
        kind === undefined
          ? text
          : replaceSecret(text, kind, (secret) => this.#placeholder(secret)),
    );
  }

  /** The same of a value that stands at a path of names alone, as differences have it. */
  redactAt(path: DocumentPath, value: Json): Json {
    const document = path.reduceRight<Json>(
      (within, name) => object([[name, within]]),
      value,
    );
    return read(this.redact(document), path);
  }

  /**
   * A whole document with the secrets that its placeholders stand for, from the documents that have
   * them. DocumentError (invalid) for an unknown placeholder, and for one where no secret belongs:
   * from there it would be read back.
   */
  restore(document: Json, from: readonly (Json | null)[]): Json {
    const known = new Map<string, string>();
    for (const source of from) {
      visit(source, (text, kind) => {
        if (kind === undefined) return text;
        return replaceSecret(text, kind, (secret) => {
          known.set(this.#placeholder(secret), secret);
          return secret;
        });
      });
    }
    return visit(document, (text, kind, path) => {
      const restored = kind === undefined ? text : replaceSecret(
        text,
        kind,
        (slot) => known.get(slot) ?? slot,
      );
      const left = kind === undefined ? PLACEHOLDER : LIKE_A_PLACEHOLDER;
      if (!left.test(restored)) return restored;
      throw new DocumentError(
        "invalid",
        `${formatConfigPath(path)}: ${
          kind === undefined
            ? "a placeholder stands where no secret belongs"
            : "the placeholder stands for no secret that is known"
        }`,
      );
    });
  }

  #placeholder(secret: string): string {
    const digest = createHmac("sha256", this.key).update(secret).digest("hex");
    return `<secret:${digest.slice(0, 24)}>`;
  }
}

/**
 * Replaces what is secret in a value. Of an address that is the password, where it is plain to see:
 * one without user, query and fragment has none, and of all others the whole is.
 */
function replaceSecret(
  text: string,
  kind: true | "url",
  replace: (secret: string) => string,
): string {
  if (kind === "url") {
    if (/^[a-z][a-z0-9+.-]*:\/\/[^@?#]*$/i.test(text)) return text;
    const [, head, password, tail] =
      /^([a-z][a-z0-9+.-]*:\/\/[^:@/?#]*:)([^@/?#]+)(@[^@?#]*)$/i.exec(text) ??
        [];
    if (password !== undefined) return `${head}${replace(password)}${tail}`;
  }
  return text === "" ? text : replace(text);
}

function visit<T extends Json | null>(document: T, act: Visit): T {
  return within(document, configSchema, [], act) as T;
}

const UNKNOWN = {
  shape: { kind: "value" },
  meta: { secret: true },
} as const;

/** By the schema; what it does not know may be a secret of another release, or misspelled. */
function within(
  value: Json,
  schema: z.ZodType | null,
  path: DocumentPath,
  act: Visit,
): Json {
  const { shape, meta } = schema === null ? UNKNOWN : inspect(schema);
  const kind = meta.secret;
  if (typeof value === "string") return act(value, kind, path);
  if (Array.isArray(value)) {
    const element = shape.kind === "tables" ? shape.element : schema;
    return value.map((v, i) => within(v, element, [...path, String(i)], act));
  }
  if (!isTable(value)) return value;
  return object(
    Object.entries(value).map(([name, member]) => {
      const below = name === ID_KEY && !isTable(member)
        ? ID_SCHEMA
        : shape.kind === "table"
        ? Object.hasOwn(shape.fields, name) ? shape.fields[name]! : null
        : shape.kind === "named"
        ? shape.value
        : schema;
      return [name, within(member, below, [...path, name], act)];
    }),
  );
}
