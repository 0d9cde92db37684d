/** From the text of a configuration file, or a JSON document, to a validated `Config`. */
import { parse, TomlError } from "smol-toml";
import { idFaults } from "./document/ids.ts";
import { type Env, logLevelWarning } from "./environment.ts";
import { Issues, type Problem, sortProblems } from "./issues.ts";
import {
  loadResources,
  type ResourceHost,
  type Resources,
} from "./resources.ts";
import { whyUnreadable } from "./named_files.ts";
import { checkRouteRegexes } from "./rules/http.ts";
import { RULES } from "./rules/rules.ts";
import type { Config } from "./schema.ts";
import { tomlFault } from "./toml_fault.ts";
import { TomlLines } from "./toml_lines.ts";
import { type ConfigDraft, walkDocument } from "./walk.ts";

export interface LoadOptions {
  /** Unknown keys are problems (`check`, the configuration API) instead of warnings (serving). */
  readonly strict: boolean;
  readonly env: Env;
}

export type LoadResult =
  | {
    readonly ok: true;
    readonly config: Config;
    readonly warnings: readonly Problem[];
  }
  | {
    readonly ok: false;
    /** At least one, in the order of the file. */
    readonly problems: readonly Problem[];
    readonly warnings: readonly Problem[];
  };

/** Validate the text of a TOML file by itself. Never rejects; reads no other file (`openConfig` does). */
export async function loadConfig(
  text: string,
  options: LoadOptions & { readonly file: string },
): Promise<LoadResult> {
  const { draft, issues } = examineToml(text, options);
  await checkRouteRegexes(draft, issues);
  return conclude(draft, issues);
}

/** Validate a document that is no file, such as one of the configuration API; problems have no lines. */
export async function validateDocument(
  document: unknown,
  options: LoadOptions & { readonly file: string },
): Promise<LoadResult> {
  const issues = new Issues(options.file, () => null);
  const draft = examine(document, issues, options);
  await checkRouteRegexes(draft, issues);
  return conclude(draft, issues);
}

export type OpenResult =
  | (LoadResult & {
    readonly ok: true;
    /** As it was given: no defaults filled in, nothing converted. */
    readonly document: unknown;
    readonly resources: Resources;
  })
  | (LoadResult & { readonly ok: false });

/** Read a configuration file and all that it names: what serving, reloading and checking start with. */
export async function openConfig(
  file: string,
  options: LoadOptions & { readonly host: ResourceHost },
): Promise<OpenResult> {
  let text: string;
  try {
    text = await options.host.readFile(file);
  } catch (error) {
    const message = `cannot be read: ${whyUnreadable(error)}`;
    const problem = { file, line: null, key: "", message };
    return { ok: false, problems: [problem], warnings: [] };
  }
  return await furnish(examineToml(text, { ...options, file }), options);
}

/** The same of a document that is no file, such as one of the configuration API; `name` stands for it in problems. */
export async function openDocument(
  document: unknown,
  name: string,
  options: LoadOptions & { readonly host: ResourceHost },
): Promise<OpenResult> {
  const issues = new Issues(name, () => null);
  const draft = examine(document, issues, options);
  return await furnish({ document, draft, issues }, options);
}

/** A document that was looked at by itself. */
interface Examined {
  readonly document: unknown;
  readonly draft: ConfigDraft;
  readonly issues: Issues;
}

async function furnish(
  { document, draft, issues }: Examined,
  { env, host }: LoadOptions & { readonly host: ResourceHost },
): Promise<OpenResult> {
  await checkRouteRegexes(draft, issues);
  const resources = await loadResources(draft, issues, env, host);
  const result = conclude(draft, issues);
  return result.ok ? { ...result, document, resources } : result;
}

/** All that can be said of a text without waiting for anything. */
export function examineToml(
  text: string,
  options: LoadOptions & { readonly file: string },
): Examined {
  const content = text.replace(/^\ufeff/, "");
  let document: unknown;
  try {
    document = parse(content);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const issues = new Issues(options.file, () => null);
    issues.problemIn(options.file, error.line, tomlFault(error));
    return { document: {}, draft: {}, issues };
  }
  const lines = new TomlLines(content);
  const issues = new Issues(options.file, (path) => lines.lineOf(path));
  return { document, draft: examine(document, issues, options), issues };
}

/** Schema, ids, rules and features not in this version. */
function examine(
  document: unknown,
  issues: Issues,
  options: LoadOptions,
): ConfigDraft {
  const draft = walkDocument(
    document,
    issues,
    options.strict ? "refuse" : "warn",
  );
  for (const { path, message } of idFaults(document)) {
    issues.problem(path, message);
  }
  for (const rule of RULES) rule(draft, issues, options.env);
  const logLevel = logLevelWarning(options.env);
  if (logLevel !== null) issues.warn([], logLevel);
  return draft;
}

export function conclude(draft: ConfigDraft, issues: Issues): LoadResult {
  const warnings = sortProblems(issues.warnings);
  return issues.problems.length > 0
    ? { ok: false, problems: sortProblems(issues.problems), warnings }
    // The walk leaves something out of the draft only together with a problem.
    : { ok: true, config: draft as Config, warnings };
}
