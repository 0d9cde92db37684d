/** Problems and warnings of a configuration, with the place where each was found. */

/** A key path; numbers are indices of lists. */
export type Path = readonly (string | number)[];

export interface Problem {
  readonly file: string;
  /** 1-based; null when the text has no such place. */
  readonly line: number | null;
  /** Key path as in TOML, "" for the whole file. */
  readonly key: string;
  readonly message: string;
}

/** `destination.legacy.tls_server_name`, `listener."a b".bind[0]`. */
export function formatPath(path: Path): string {
  let out = "";
  for (const part of path) {
    if (typeof part === "number") out += `[${part}]`;
    else {
      const bare = /^[A-Za-z0-9_-]+$/.test(part) ? part : JSON.stringify(part);
      out += out === "" ? bare : `.${bare}`;
    }
  }
  return out;
}

/** `config.toml:41: destination.legacy.host: required`. */
export function formatProblem(problem: Problem): string {
  const place = problem.line === null
    ? problem.file
    : `${problem.file}:${problem.line}`;
  const key = problem.key === "" ? "" : `${problem.key}: `;
  return `${place}: ${key}${problem.message}`;
}

/** Collects what the steps of validation find. */
export class Issues {
  readonly problems: Problem[] = [];
  readonly warnings: Problem[] = [];
  readonly #file: string;
  readonly #lineOf: (path: Path) => number | null;

  /** `lineOf` gives the line of a path or of its nearest existing ancestor. */
  constructor(file: string, lineOf: (path: Path) => number | null) {
    this.#file = file;
    this.#lineOf = lineOf;
  }

  problem(path: Path, message: string): void {
    this.problems.push(this.#at(path, message));
  }

  warn(path: Path, message: string): void {
    this.warnings.push(this.#at(path, message));
  }

  /** A problem in another file that the configuration names. */
  problemIn(file: string, line: number | null, message: string): void {
    this.problems.push({ file, line, key: "", message });
  }

  #at(path: Path, message: string): Problem {
    return {
      file: this.#file,
      line: this.#lineOf(path),
      key: formatPath(path),
      message,
    };
  }
}

/** In the order of the file; what has no line comes last. */
export function sortProblems(problems: readonly Problem[]): Problem[] {
  return [...problems].sort((a, b) =>
    a.file.localeCompare(b.file) ||
    (a.line ?? Infinity) - (b.line ?? Infinity) || 0
  );
}

/** A text of somebody else's as a message quotes it: not longer than a line can bear. */
export function shortened(text: string): string {
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}
