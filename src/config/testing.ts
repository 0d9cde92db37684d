/** A configuration that validates, to be bent by tests. */
import type { Env } from "./environment.ts";
import { formatProblem } from "./issues.ts";
import { conclude, examineToml, type LoadResult } from "./load.ts";
import type { ResourceHost } from "./resources.ts";
import type { Config } from "./schema.ts";

export const TOKEN = "0123456789abcdef0123456789abcdef";

/** Two destinations, one listener, everything else by default. */
export const BASE = `[listener.imap]
protocol = "imap"
bind = ["127.0.0.1:1993"]
tls = "implicit"
[destination.old]
host = "old.example.com"
protocol.imap = {port = 993, tls = "implicit"}
[destination.new]
host = "new.example.com"
protocol.imap = {port = 143, tls = "starttls"}
[routing]
default_destination = "old"
[mapping]
source = "file"
file.path = "mappings.tsv"
[tls.certificate.main]
cert = "cert.pem"
key = "key.pem"
`;

export const emptyEnv: Env = () => undefined;

/** An environment with these variables alone. */
export function envOf(variables: Record<string, string>): Env {
  return (name) => variables[name];
}

/** At once, so that regular expressions are not looked at. */
export function load(
  text: string,
  options: { strict?: boolean; env?: Env } = {},
): LoadResult {
  const { strict = true, env = emptyEnv } = options;
  const { draft, issues } = examineToml(text, { file: "c.toml", strict, env });
  return conclude(draft, issues);
}

/** The configuration of a text that must validate. */
export function configOf(text: string): Config {
  const result = load(text);
  if (result.ok) return result.config;
  throw new Error(result.problems.map(formatProblem).join("\n"));
}

export function problemsOf(
  text: string,
  options: { strict?: boolean; env?: Env } = {},
): string[] {
  const result = load(text, options);
  return result.ok ? [] : result.problems.map(formatProblem);
}

export function warningsOf(
  text: string,
  options: { strict?: boolean; env?: Env } = {},
): string[] {
  return load(text, options).warnings.map(formatProblem);
}

/** A machine with these files, on which everything else is well. */
export function hostWith(
  files: Record<string, string>,
  more: Partial<ResourceHost> = {},
): ResourceHost {
  return {
    readFile: (path) =>
      files[path] === undefined
        ? Promise.reject(new Deno.errors.NotFound(path))
        : Promise.resolve(files[path]),
    resolve: () => Promise.resolve([]),
    localAddresses: () => [],
    sourceAddressWorks: () => Promise.resolve(true),
    readRevocations: () => Promise.resolve({ lists: [], warnings: [] }),
    checkMappings: () => Promise.resolve([]),
    ...more,
  };
}
