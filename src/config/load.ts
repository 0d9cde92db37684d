/** From the text of a configuration file, or a JSON document, to a validated `Config`. */
import { parse, TomlError } from "smol-toml";
import { refuseMissingFeatures } from "./availability.ts";
import { type Env, logLevelWarning } from "./environment.ts";
import { Issues, type Path, type Problem, sortProblems } from "./issues.ts";
import { RULES } from "./rules/rules.ts";
import type { Config } from "./schema.ts";
import { TomlLines } from "./toml_lines.ts";
import { walkDocument } from "./walk.ts";

/** Where a document came from, for messages. */
export interface Source {
  /** Name of the file in messages. */
  readonly file: string;
  /** 1-based line of a key or of what is around it; null where there are no lines. */
  lineOf(path: Path): number | null;
}

export interface LoadOptions {
  /** Unknown keys are problems (`check`, the configuration API) instead of warnings (serving). */
  readonly strict: boolean;
  readonly env: Env;
}

export type LoadResult =
  | {
    readonly ok: true;
    readonly config: Config;
    readonly source: Source;
    readonly warnings: readonly Problem[];
  }
  | {
    readonly ok: false;
    /** At least one, in the order of the file. */
    readonly problems: readonly Problem[];
    readonly warnings: readonly Problem[];
  };

/** Validate the text of a TOML file. Never throws; reads no other file (see `loadResources`). */
export function loadConfig(
  text: string,
  options: LoadOptions & { readonly file: string },
): LoadResult {
  const { file } = options;
  let document: unknown;
  try {
    document = parse(text.replace(/^\ufeff/, ""));
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    return {
      ok: false,
      problems: [{
        file,
        line: error.line,
        key: "",
        message: syntaxMessage(error),
      }],
      warnings: [],
    };
  }
  const lines = new TomlLines(text.replace(/^\ufeff/, ""));
  const source = { file, lineOf: (path: Path) => lines.lineOf(path) };
  return validateDocument(document, source, options);
}

/** Validate a parsed document: schema, rules and features not in this version, all problems at once. */
export function validateDocument(
  document: unknown,
  source: Source,
  options: LoadOptions,
): LoadResult {
  const issues = new Issues(source.file, (path) => source.lineOf(path));
  const draft = walkDocument(
    document,
    issues,
    options.strict ? "refuse" : "warn",
  );
  for (const rule of RULES) rule(draft, issues, options.env);
  refuseMissingFeatures(draft, issues);
  const logLevel = logLevelWarning(options.env);
  if (logLevel !== null) issues.warn([], logLevel);
  const warnings = sortProblems(issues.warnings);
  if (issues.problems.length > 0) {
    return { ok: false, problems: sortProblems(issues.problems), warnings };
  }
  // The walk leaves something out of the draft only together with a problem.
  return { ok: true, config: draft as Config, source, warnings };
}

/** The parser's first line only: what follows quotes the file, and with it perhaps a secret. */
function syntaxMessage(error: TomlError): string {
  const first = error.message.split("\n")[0]!.replace(
    /^Invalid TOML document: /,
    "",
  );
  return `not valid TOML: ${first} (column ${error.column})`;
}
