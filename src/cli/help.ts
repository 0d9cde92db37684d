/** Help of `mailferry ctl`, made from the route table. */
import type { Route } from "../admin/route.ts";
import {
  globalOptions,
  optionName,
  optionsOf,
  parametersOf,
} from "./arguments.ts";
import { columns } from "./table.ts";

/** The whole command list, or the commands of one group. */
export function groupHelp(routes: readonly Route[], group?: string): string {
  const shown = routes.filter(({ cli }) =>
    group === undefined || cli.verb[0] === group
  );
  const commands = shown.map((route) => [usageOf(route), route.summary])
    .sort(([a], [b]) => a! < b! ? -1 : 1);
  return [
    "usage: mailferry ctl [OPTION ...] COMMAND [ARGUMENT ...]",
    "",
    "Commands:",
    ...columns(commands, "  "),
    "",
    "Options:",
    ...columns(globalRows(), "  "),
    "",
    "The token is that of the configuration file, or PROXY_ADMIN_TOKEN.",
    "Exit: 0 done, 1 refused or failed, 2 wrong usage, 3 not found, 4 unreachable.",
    "",
  ].join("\n");
}

/** Help of one command. */
export function commandHelp(route: Route): string {
  const parameters = Object.entries(parametersOf(route));
  const rows = parameters.map(([name, { summary, repeated }]) => [
    route.cli.positional.includes(name)
      ? name.toUpperCase()
      : optionOf(route, name),
    repeated ? `${summary}; may be given more than once` : summary,
  ]);
  return [
    `usage: mailferry ctl ${usageOf(route)}`,
    "",
    `${route.summary}.`,
    ...(route.description === undefined ? [] : [route.description]),
    ...(rows.length === 0 ? [] : ["", ...columns(rows, "  ")]),
    "",
    "Options:",
    ...columns(globalRows(), "  "),
    "",
  ].join("\n");
}

/** `mappings set IDENTIFIER DESTINATION`; what may be left out stands in brackets. */
function usageOf(route: Route): string {
  const { verb, positional } = route.cli;
  const optional = (name: string, text: string) =>
    parametersOf(route)[name]?.required ? text : `[${text}]`;
  return [
    ...verb.map((word) => word === "list" ? "[list]" : word),
    ...positional.map((name) => optional(name, name.toUpperCase())),
    ...optionsOf(route).map((name) => optional(name, optionOf(route, name))),
  ].join(" ");
}

function optionOf(route: Route, name: string): string {
  const option = `--${optionName(name)}`;
  return parametersOf(route)[name]?.flag
    ? option
    : `${option} ${name.toUpperCase()}`;
}

function globalRows(): string[][] {
  return Object.entries(globalOptions).map(([name, { value, summary }]) => [
    value === null ? `--${name}` : `--${name} ${value}`,
    summary,
  ]);
}
