/**
 * Regular expressions of the configuration. They run over what clients send, so the engine is RE2's,
 * whose time grows with the text and never faster. It takes 20 ms to load, which nobody pays who has no
 * expression.
 */
import { PatternFault } from "./pattern_fault.ts";

let engine: typeof import("re2js") | undefined;

/** Must have been awaited before the first `compileRegex`. */
export async function loadRegexEngine(): Promise<void> {
  engine ??= await import("re2js");
}

export interface Regex {
  /** What the first group holds where the text matches first; null when it does not, or has not that group. */
  firstGroup(text: string): string | null;
}

/** An expression that has a group. Throws PatternFault. */
export function compileRegex(pattern: string): Regex {
  if (engine === undefined) throw new Error("loadRegexEngine was not awaited");
  const { RE2JS, RE2JSException } = engine;
  refuseSetOperations(pattern);
  let compiled: InstanceType<typeof RE2JS>;
  try {
    compiled = RE2JS.compile(pattern);
  } catch (error) {
    if (!(error instanceof RE2JSException)) throw error;
    throw new PatternFault(
      `is not in RE2 syntax: ${
        error.message.replace("error parsing regexp: ", "")
      }`,
    );
  }
  if (compiled.groupCount() === 0) {
    throw new PatternFault(
      "has no group: put parentheses around what is the identifier",
    );
  }
  return {
    firstGroup(text) {
      const matcher = compiled.matcher(text);
      return matcher.find() ? matcher.group(1) : null;
    },
  };
}

/** Of a bracketed class: what is escaped, a POSIX class, what combines sets, anything else. */
const IN_CLASS = /\\[^]|\[:\^?[a-z]+:\]|(\[|&&|--|~~)|[^]/gy;

/**
 * Classes can be nested and combined in the syntax that configurations may have been written for, where
 * the engine would take the same characters for themselves. Throws PatternFault.
 */
function refuseSetOperations(pattern: string): void {
  for (let at = 0; at < pattern.length; at++) {
    // An escaped bracket opens nothing.
    if (pattern[at] === "\\") at++;
    else if (pattern[at] === "[") at = endOfClass(pattern, at);
  }
}

/** Where the class that opens at `start` closes. Throws PatternFault. */
function endOfClass(pattern: string, start: number): number {
  // A bracket that comes first is a member.
  const [first] = /^\^?\]?/.exec(pattern.slice(start + 1))!;
  IN_CLASS.lastIndex = start + 1 + first.length;
  for (let found; (found = IN_CLASS.exec(pattern)) !== null;) {
    const [what, operator] = found;
    if (what === "]") return IN_CLASS.lastIndex - 1;
    if (operator !== undefined) {
      throw new PatternFault(
        `has ${operator} in brackets, where sets cannot be combined: write \\${
          operator[0]
        } for the character`,
      );
    }
  }
  return pattern.length;
}
