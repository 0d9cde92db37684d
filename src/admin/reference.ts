/** The reference page of the management API, from the route table alone. */
import { z } from "zod";
import { ownFailures } from "./openapi.ts";
import { pathParameters } from "./path.ts";
import { contentTypes, type Route } from "./route.ts";

const INTRODUCTION = `# Management API

HTTPS on \`[admin] bind\`, with the default certificate. Every route but those marked *no token* wants
\`Authorization: Bearer TOKEN\`; it is asked for before the path is looked at, and compared in constant
time. An address (IPv6: its /64 network) that fails \`lockout_threshold\` times in a row is refused with
429 and \`Retry-After\` for \`lockout_duration\`; a request without a token counts as a failure. Tokens
have a role (\`[[admin.token]]\`), and a role includes those before it: a viewer reads, an operator
moves accounts and ends sessions, an admin changes the configuration. The token of \`bearer_token\`,
\`bearer_token_file\` or \`PROXY_ADMIN_TOKEN\` is an admin.

Text answers are one line, and one for each problem where a configuration is refused. A trailing slash of the path is ignored; HEAD is GET without the body. In
the query \`+\` stands for itself, as addresses have it. A malformed query and a parameter given twice
are refused with 400, and so is an unknown parameter where something is changed, so that a misspelled
one never widens a change; where something is read it is ignored. Every route may answer 401
\`unauthorized\`, 403 \`forbidden\` (the token's role does not allow it), 404 \`not found\`, 405 \`method
not allowed\` with \`Allow\`, 429, and 500 \`internal error\` with the cause in the log.

Each change leaves one line in the log: which token, from where, what, and the result, with accounts
shortened. \`GET /audit\` has the last of them.

\`mailferry ctl\` calls these routes; \`mailferry ctl COMMAND --help\` explains each. It takes the address
and the token from the configuration file (\`--config\`, or \`PROXY_CONFIG\`); \`PROXY_ADMIN_TOKEN\` and
\`--address\` win. Before it sends the token it checks the certificate: it has to be the one that the
configuration names, or, after a renewal that is not loaded yet, one that the host trusts for the same
name. Without a configured certificate the proxy makes one itself, which is verified by the root in
\`[server] state_dir\` where that can be read, and else accepted on a loopback address only.
\`--cacert FILE\` verifies against other authorities, \`--insecure\` not at all. Exit codes: 0 done,
1 refused or failed, 2 wrong usage, 3 not found, 4 unreachable.

| route | role | \`mailferry ctl\` | what it does |
|---|---|---|---|
`;

/** The page as Markdown. */
export function reference(routes: readonly Route[]): string {
  const overview = routes.map((route) =>
    `| [${title(route)}](#${anchor(route)}) | ${roleOf(route)} | \`${
      route.cli.verb.join(" ")
    }\` | ${route.summary} |\n`
  ).join("");
  return INTRODUCTION + overview + routes.map(section).join("");
}

function section(route: Route): string {
  const inPath = pathParameters(route.path);
  const parameters = Object.entries(route.parameters).map(
    ([name, { required, summary, header }]) => {
      const where = inPath.includes(name)
        ? "in the path"
        : header !== undefined
        ? `header \`${header}\``
        : required
        ? "required"
        : "optional";
      return `| \`${name}\` | ${where} | ${summary} |\n`;
    },
  ).join("");
  const errors = ownFailures(route)
    .map(([status, summary]) => `| ${status} | ${summary} |\n`).join("");
  return [
    `\n## ${title(route)}\n`,
    `${route.summary}. ${route.description ?? ""}`.trim() + "\n",
    parameters &&
    `| parameter | | |\n|---|---|---|\n${parameters}`,
    route.body &&
    `The body, ${
      route.body.types.map((type) => `\`${type}\``).join(", ")
    }: ${route.body.summary}${
      route.body.schema
        ? `. Its shape: ${
          shapeOf(z.toJSONSchema(route.body.schema, { io: "input" }))
        }`
        : ""
    }.\n`,
    `200 answers ${answerOf(route)}${headersOf(route)}\n`,
    errors && `| otherwise | |\n|---|---|\n${errors}`,
  ].filter(Boolean).join("\n");
}

function headersOf({ headers = {} }: Route): string {
  return Object.entries(headers)
    .map(([name, meaning]) => ` Header \`${name}\`: ${meaning}.`).join("");
}

function answerOf(route: Route): string {
  if (route.form === "typed" || route.form === "stream") {
    return `${contentTypes(route).map((type) => `\`${type}\``).join(" or ")}.`;
  }
  const schema = z.toJSONSchema(route.response, { io: "input" });
  if (route.form === "json") {
    return `\`application/json\`: ${shapeOf(schema)}.`;
  }
  const texts = schema.const !== undefined ? [schema.const] : schema.enum;
  return texts
    ? `${texts.map((text) => `\`${text}\``).join(" or ")}.`
    : `${schema.description ?? `a line like \`${schema.pattern}\``}.`;
}

/** Objects as `{name: type}`, lists as `[…]`. */
function shapeOf(schema: z.core.JSONSchema.JSONSchema): string {
  return `\`${shape(schema)}\``;
}

function shape(schema: z.core.JSONSchema._JSONSchema): string {
  if (typeof schema === "boolean") return "any";
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((v) => JSON.stringify(v)).join("|");
  if (schema.anyOf) return schema.anyOf.map(shape).join("|");
  if (schema.type === "array") {
    const { items } = schema;
    return items && !Array.isArray(items) ? `[${shape(items)}, …]` : "[…]";
  }
  if (schema.type === undefined) return "any";
  if (schema.type !== "object") return String(schema.type);
  if (schema.propertyNames && schema.additionalProperties) {
    const { propertyNames: name, additionalProperties: value } = schema;
    return `{${shape(name)}: ${shape(value)}}`;
  }
  const required = new Set(schema.required);
  const fields = Object.entries(schema.properties ?? {})
    .map(([name, value]) =>
      `${name}${required.has(name) ? "" : "?"}: ${shape(value)}`
    );
  return `{${fields.join(", ")}}`;
}

const title = ({ method, path }: Route) => `${method} ${path}`;

/** As Markdown renderers make them from headings. */
const anchor = (route: Route) =>
  title(route).toLowerCase().replace(/[^a-z0-9 _-]/g, "").replaceAll(" ", "-");

const roleOf = ({ role }: Route) => role === "public" ? "*no token*" : role;
