/** The reference page of the configuration, made from the schema alone. */
import { z } from "zod";
import { inspect } from "./inspect.ts";
import { configSchema } from "./schema.ts";

const HEAD = `# Configuration

<!-- Made from src/config by \`deno task generate\`; change it there. -->

mailferry reads one TOML file. \`config.example.toml\` is a complete one with comments;
\`mailferry check CONFIG\` validates a file, lists every problem with its line, and prints what it would serve.

- Durations are a whole number and \`ms\`, \`s\`, \`m\`, \`h\` or \`d\`: \`"30s"\`.
- File paths are taken as given; relative ones start at the working directory.
- An unknown key is a warning when a file is loaded to be served, so that a file written for another
  release still starts, and an error for \`check\` and the configuration API.
- A reload applies every key at once, without dropping a session, except those marked "restart".
- Environment: \`PROXY_CONFIG\` names the file, \`PROXY_ADMIN_TOKEN\` wins over \`[admin]\`'s token, and
  \`PROXY_LOG\`, then the first bare level of \`RUST_LOG\`, win over \`log_level\`.
`;

interface Row {
  readonly key: string;
  readonly type: string;
  readonly fallback: string;
  readonly reload: string;
  readonly description: string;
}

/** `docs/configuration.md`: a section for each table, in the order of the schema. */
export function renderConfigReference(): string {
  const sections: string[] = [];
  describe(configSchema, [], sections);
  return [HEAD, ...sections].join("\n");
}

function describe(schema: z.ZodType, path: string[], out: string[]): void {
  const { shape, meta } = inspect(schema);
  if (shape.kind === "named") {
    describeAs(shape.value, [...path, "NAME"], false, meta.description, out);
  } else if (shape.kind === "tables") {
    describeAs(shape.element, path, true, meta.description, out);
  } else {
    describeAs(schema, path, false, meta.description, out);
  }
}

function describeAs(
  schema: z.ZodType,
  path: string[],
  isList: boolean,
  description: string,
  out: string[],
): void {
  const { shape } = inspect(schema);
  if (shape.kind !== "table") return;
  const rows: Row[] = [];
  const below: [z.ZodType, string][] = [];
  for (const [name, field] of Object.entries(shape.fields)) {
    const kind = inspect(field).shape.kind;
    if (kind === "value") rows.push(row(name, field));
    else below.push([field, name]);
  }
  if (rows.length > 0) out.push(section(path, isList, description, rows));
  // Legs of all protocols have the same keys: one section speaks for them.
  const legs = path.at(-1) === "protocol";
  for (const [field, name] of legs ? below.slice(0, 1) : below) {
    if (legs) {
      const what = `A leg; P is one of ${
        below.map(([, protocol]) => `\`${protocol}\``).join(", ")
      }.`;
      describeAs(field, [...path, "P"], false, what, out);
    } else describe(field, [...path, name], out);
  }
}

function section(
  path: string[],
  isList: boolean,
  description: string,
  rows: readonly Row[],
): string {
  const name = path.join(".");
  const lines = rows.map((row) =>
    `| \`${row.key}\` | ${row.type} | ${row.fallback} | ${row.description}${row.reload} |`
  );
  return [
    `## \`${isList ? `[[${name}]]` : `[${name}]`}\``,
    "",
    description,
    "",
    "| key | type | default | meaning |",
    "|---|---|---|---|",
    ...lines,
    "",
  ].join("\n");
}

function row(name: string, field: z.ZodType): Row {
  const { fallback, optional, meta } = inspect(field);
  const written = fallback !== undefined
    ? `\`${toml(fallback)}\``
    : optional
    ? meta.unset ?? "unset"
    : "required";
  return {
    key: name,
    type: typeOf(
      z.toJSONSchema(field, { io: "input", unrepresentable: "any" }),
    ),
    fallback: written,
    reload: meta.reload === "restart" ? " (restart)" : "",
    description: meta.description.replaceAll("|", "\\|"),
  };
}

/** What may be written, from the JSON Schema of a key. */
function typeOf(schema: z.core.JSONSchema.BaseSchema): string {
  if (schema.anyOf !== undefined) return schema.anyOf.map(typeOf).join(" or ");
  if (schema.enum !== undefined) {
    return schema.enum.map((value) => `\`${JSON.stringify(value)}\``).join(
      ", ",
    );
  }
  if (schema.const !== undefined) return `\`${JSON.stringify(schema.const)}\``;
  switch (schema.type) {
    case "integer":
      return `${schema.minimum} to ${schema.maximum}`;
    case "boolean":
      return "`true`, `false`";
    case "array":
      return "list";
    default:
      return schema.title ?? "string";
  }
}

/** A default as it would stand in the file. */
function toml(value: unknown): string {
  return Array.isArray(value)
    ? `[${value.map(toml).join(", ")}]`
    : JSON.stringify(value);
}
