/** From the words behind `mailferry ctl` to a route and its parameters. */
import { z } from "zod";
import type { ComposedParameter, Route } from "../admin/route.ts";
import { nearest } from "../config/nearest.ts";
import { CtlError, exits } from "./io.ts";

/** Options of `ctl` itself. Those with a `value` take one. */
export const globalOptions = {
  config: {
    value: "FILE",
    summary: "configuration file (default: PROXY_CONFIG)",
  },
  address: {
    value: "HOST:PORT",
    summary: "address of the management API (default: [admin] bind)",
  },
  cacert: {
    value: "FILE",
    summary: "verify the certificate against these authorities",
  },
  insecure: { value: null, summary: "accept any certificate" },
  json: { value: null, summary: "print JSON as the API answers it" },
  help: { value: null, summary: "print this help, or that of a command" },
} as const;

export type GlobalOption = keyof typeof globalOptions;

export interface Invocation {
  readonly globals: Readonly<Partial<Record<GlobalOption, string>>>;
  /** Absent where no command was named: only the help can be meant. */
  readonly route?: Route;
  /** All that are no options; the first names the group whose help is meant. */
  readonly words: readonly string[];
  readonly values: Readonly<Record<string, string>>;
  /** Of parameters that may be given more than once. */
  readonly lists: Readonly<Record<string, readonly string[]>>;
}

/** Throws CtlError (usage). */
export function parseArguments(
  args: readonly string[],
  routes: readonly Route[],
): Invocation {
  const { words, options } = splitOptions(args, routes);
  const globals: Partial<Record<GlobalOption, string>> = {};
  const named: [option: string, value: string][] = [];
  for (const [name, value] of options) {
    if (isGlobal(name)) globals[name] = value;
    else named.push([name, value]);
  }
  const found = findRoute(words, routes);
  if (found === undefined) return { globals, words, values: {}, lists: {} };
  const { route, rest } = found;
  const bound = globals.help === undefined
    ? bind(route, rest, named)
    : { values: {}, lists: {} };
  return { globals, words, route, ...bound };
}

/** Options may stand anywhere; `--` ends them; `--name=value` and `--name value` are the same. */
function splitOptions(args: readonly string[], routes: readonly Route[]) {
  const words: string[] = [];
  const options: [name: string, value: string][] = [];
  const known = [
    ...Object.keys(globalOptions),
    ...routes.flatMap(optionsOf).map(optionName),
  ];
  const flags = routes.flatMap((route) =>
    Object.entries(parametersOf(route))
      .filter(([, { flag }]) => flag).map(([name]) => optionName(name))
  );
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    if (arg === "--") {
      words.push(...args.slice(i + 1));
      break;
    }
    if (arg === "-h") {
      options.push(["help", ""]);
      continue;
    }
    if (!arg.startsWith("-") || arg === "-") {
      words.push(arg);
      continue;
    }
    const [, name = "", inline] = /^--([^=]+)(?:=([^]*))?$/.exec(arg) ?? [];
    if (!known.includes(name)) {
      throw usage(`unknown option ${arg}${suggestion(name, known, "--")}`);
    }
    const isFlag = isGlobal(name)
      ? globalOptions[name].value === null
      : flags.includes(name);
    if (isFlag && isGlobal(name)) {
      if (inline !== undefined) throw usage(`--${name} takes no value`);
      options.push([name, ""]);
      continue;
    }
    // Alone it means true; the value may be said.
    if (
      isFlag && inline === undefined && !TRUE_OR_FALSE.test(args[i + 1] ?? "")
    ) {
      options.push([name, "true"]);
      continue;
    }
    const value = inline ?? args[++i];
    if (value === undefined) throw usage(`--${name} needs a value`);
    options.push([name, value]);
  }
  return { words, options };
}

const TRUE_OR_FALSE = /^(true|false)$/;

function isTrueOrFalse(schema: z.ZodType): boolean {
  return schema instanceof z.ZodEnum &&
    schema.options.every((option) => TRUE_OR_FALSE.test(String(option)));
}

/** What a command takes: the route's parameters, and the file with the body or what that is made of. */
export function parametersOf(
  route: Route,
): Readonly<Record<string, ComposedParameter>> {
  const parameters = Object.fromEntries(
    Object.entries(route.parameters).map((
      [name, { required, summary, schema }],
    ) => [name, {
      required,
      summary,
      ...(isTrueOrFalse(schema) && { flag: true as const }),
    }]),
  );
  const { body, cli: { compose } } = route;
  if (compose) return { ...parameters, ...compose.parameters };
  if (body === undefined) return parameters;
  const kinds = body.streamed
    ? ".ndjson, .tsv, .csv, or --format does"
    : ".toml, .json5, else JSON";
  const summary =
    `${body.summary}; \`-\` is standard input. The name says what it is: ${kinds}`;
  return { ...parameters, file: { required: true, summary } };
}

/** As it stands on the command line, behind its dashes. */
export function optionName(parameter: string): string {
  return parameter.replaceAll("_", "-");
}

/** The names of a command's parameters that are given as options. */
export function optionsOf(route: Route): string[] {
  return Object.keys(parametersOf(route))
    .filter((name) => !route.cli.positional.includes(name));
}

/**
 * The route with the longest verb that the words begin with, and the words behind it. A group alone
 * means its `list`; undefined where it has none.
 */
function findRoute(
  words: readonly string[],
  routes: readonly Route[],
): { route: Route; rest: readonly string[] } | undefined {
  const group = routes.filter(({ cli }) => cli.verb[0] === words[0]);
  const route =
    group.filter(({ cli }) => cli.verb.every((word, i) => words[i] === word))
      .sort((a, b) => b.cli.verb.length - a.cli.verb.length)[0];
  if (route) return { route, rest: words.slice(route.cli.verb.length) };
  if (words.length === 0) return undefined;
  if (words.length === 1 && group.length > 0) {
    const list = group.find(({ cli }) => cli.verb[1] === "list");
    return list && { route: list, rest: [] };
  }
  const depth = group.length > 0 ? 2 : 1;
  const known = (depth === 2 ? group : routes)
    .map(({ cli }) => cli.verb.slice(0, depth).join(" "));
  const given = words.slice(0, depth).join(" ");
  throw usage(`unknown command ${given}${suggestion(given, known, "")}`);
}

function bind(
  route: Route,
  rest: readonly string[],
  named: readonly (readonly [option: string, value: string])[],
): Pick<Invocation, "values" | "lists"> {
  const verb = route.cli.verb.join(" ");
  const values: Record<string, string> = {};
  const lists: Record<string, string[]> = {};
  const parameters = parametersOf(route);
  const { positional } = route.cli;
  if (rest.length > positional.length) {
    throw usage(`${verb}: unexpected argument ${rest[positional.length]}`);
  }
  rest.forEach((word, i) => values[positional[i]!] = word);
  for (const [option, value] of named) {
    const name = optionsOf(route).find((each) => optionName(each) === option);
    if (name === undefined) throw usage(`${verb} has no option --${option}`);
    if (parameters[name]!.repeated) (lists[name] ??= []).push(value);
    else values[name] = value;
  }
  const missing = Object.entries(parameters)
    .filter(([name, { required }]) => required && !values[name])
    .map(([name]) => name.toUpperCase());
  if (missing.length > 0) throw usage(`${verb}: ${missing.join(" ")} missing`);
  return { values, lists };
}

const isGlobal = (name: string): name is GlobalOption =>
  Object.hasOwn(globalOptions, name);

function suggestion(word: string, known: readonly string[], prefix: string) {
  const near = nearest(word, known);
  return near === null ? "" : `: did you mean ${prefix}${near}?`;
}

function usage(message: string): CtlError {
  return new CtlError(exits.usage, message);
}
