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
