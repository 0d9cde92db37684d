/**
 * Reads a document by the schema, key by key, so that one wrong value costs only itself: everything
 * else is there for the rules, and all problems come out in one go.
 */
import type { z } from "zod";
import { ID_KEY } from "./document/ids.ts";
import { inspect, isTable, type Shape } from "./inspect.ts";
import { type Issues, type Path, shortened } from "./issues.ts";
import { nearest } from "./nearest.ts";
import type { Config } from "./schema.ts";
import { configSchema } from "./schema.ts";

/** A configuration in which what did not validate is absent. */
export type Draft<T> = T extends readonly (infer E)[] ? Draft<E>[]
  : T extends object ? { [K in keyof T]?: Draft<T[K]> | undefined }
  : T;

export type ConfigDraft = Draft<Config>;

/** Read a document. Without new problems in `issues` the result is a whole `Config`. */
export function walkDocument(
  document: unknown,
  issues: Issues,
  unknownKeys: "warn" | "refuse",
): ConfigDraft {
  return new Walk(issues, unknownKeys).value(configSchema, document, []) ?? {};
}

class Walk {
  constructor(
    readonly issues: Issues,
    readonly unknownKeys: "warn" | "refuse",
  ) {}

  // deno-lint-ignore no-explicit-any -- the schema gives the type, which this walk cannot express
  value(schema: z.ZodType, raw: unknown, path: Path): any {
    const { shape, optional, fallback, meta } = inspect(schema);
    if (raw === undefined) {
      if (optional) return undefined;
      raw = fallback;
      // Without the table, its required keys are what has to be named.
      if (raw === undefined && shape.kind === "table") raw = {};
    }
    switch (shape.kind) {
      case "table":
        if (isTable(raw)) return this.#table(shape, raw, path);
        break;
      case "named":
        if (isTable(raw)) return this.#named(shape, raw, path);
        break;
      case "tables":
        if (Array.isArray(raw)) {
          return raw.map((item, i) =>
            this.value(shape.element, item, [...path, i])
          );
        }
        this.issues.problem(path, "must be a list of tables");
        return undefined;
      case "value":
        return this.#leaf(shape.type, raw, path, meta.secret !== undefined);
    }
    this.issues.problem(path, "must be a table");
    return undefined;
  }

  #table(
    shape: Shape & { kind: "table" },
    raw: Record<string, unknown>,
    path: Path,
  ): Record<string, unknown> {
    const out: Record<string, unknown> = {};
    for (const [name, schema] of Object.entries(shape.fields)) {
      const given = Object.hasOwn(raw, name) ? raw[name] : undefined;
      const value = this.value(schema, given, [...path, name]);
      if (value !== undefined) out[name] = value;
    }
    for (const name of Object.keys(raw)) {
      if (name === ID_KEY || Object.hasOwn(shape.fields, name)) continue;
      this.#unknown(name, shape, path);
    }
    return out;
  }

  #named(
    shape: Shape & { kind: "named" },
    raw: Record<string, unknown>,
    path: Path,
  ): Record<string, unknown> {
    // Without a prototype: a name that a client of the API made up must not find an inherited property.
    const out: Record<string, unknown> = Object.create(null);
    for (const name of Object.keys(raw)) {
      if (name === ID_KEY) continue;
      if (
        name === "__proto__" || !/^[\x21-\x7e\u00a1-\uffff]{1,200}$/.test(name)
      ) {
        this.issues.problem(
          [...path, name],
          "a name must have 1 to 200 characters without white space or control characters",
        );
        continue;
      }
      const value = this.value(shape.value, raw[name], [...path, name]);
      out[name] = value ?? {};
    }
    return out;
  }

  #leaf(type: z.ZodType, raw: unknown, path: Path, secret: boolean): unknown {
    const result = type.safeParse(raw);
    if (result.success) return result.data;
    for (const issue of result.error.issues) {
      const at = issue.path.filter((part) => typeof part !== "symbol");
      const found = secret ? "" : show(dig(raw, at));
      this.issues.problem(
        [...path, ...at],
        found === "" ? issue.message : `${issue.message}, not ${found}`,
      );
    }
    return undefined;
  }

  #unknown(name: string, shape: Shape & { kind: "table" }, path: Path): void {
    const near = nearest(name, Object.keys(shape.fields));
    const message = near === null
      ? "unknown key"
      : `unknown key, did you mean "${near}"?`;
    if (this.unknownKeys === "refuse") {
      this.issues.problem([...path, name], message);
    } else {
      this.issues.warn([...path, name], `${message} (ignored)`);
    }
  }
}

function dig(value: unknown, path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>(
    (at, part) => (at as Record<string | number, unknown> | undefined)?.[part],
    value,
  );
}

/** A value for a message, short; "" for nothing. */
function show(value: unknown): string {
  if (value === undefined) return "";
  if (Array.isArray(value)) {
    return value.length === 0 ? "an empty list" : "a list";
  }
  if (value instanceof Date) return "a date";
  if (isTable(value)) return "a table";
  const text = JSON.stringify(value) ?? String(value);
  return shortened(text);
}
