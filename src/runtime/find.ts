/** Which command a line means, and which it may have meant. */
import { nearest } from "../config/nearest.ts";
import { type Command, CommandError, mayUse, usageOf } from "./command.ts";
import type { RuntimeLevel } from "../config/schema_runtime.ts";

/** The command that begins with the most of these words, or null. */
export function findCommand(
  commands: readonly Command[],
  words: readonly string[],
): Command | null {
  let best: Command | null = null;
  for (const command of commands) {
    const fits = command.words.every((word, i) => words[i] === word);
    if (fits && command.words.length > (best?.words.length ?? 0)) {
      best = command;
    }
  }
  return best;
}

/**
 * The version in front of the arguments of a command that knows versions, and the arguments. Throws
 * CommandError for a version that is none, or is missing.
 */
export function takeVersion(
  { version: wanted }: Command,
  words: readonly string[],
): { readonly version: number | null; readonly args: readonly string[] } {
  const [first, ...args] = words;
  if (wanted === undefined || !first?.startsWith("@")) {
    if (wanted !== "required") return { version: null, args: words };
    throw new CommandError("Missing version number.");
  }
  // HAProxy's are 32 bits wide.
  const version = /^@\d{1,10}$/.test(first) ? Number(first.slice(1)) : NaN;
  if (Number.isNaN(version)) {
    throw new CommandError("Version number out of range.");
  }
  return { version, args };
}

/** Throws CommandError where there are too few arguments for a command, or too many. */
export function checkArguments(
  command: Command,
  args: readonly string[],
  hasPayload: boolean,
): void {
  const wanted = command.args ?? [];
  const required = wanted.filter(({ optional }) => !optional).length;
  const least = hasPayload && command.payload ? 0 : required;
  const most = wanted.at(-1)?.repeated ? Infinity : wanted.length;
  if (hasPayload && !command.payload) {
    throw new CommandError(`'${command.words.join(" ")}' takes no payload.`);
  }
  if (args.length < least || args.length > most) {
    throw new CommandError(`Usage: ${usageOf(command)}`);
  }
}

/** What `help` shows of the commands that begin with `words`; the last word may be cut short. */
export function helpLines(
  commands: readonly Command[],
  level: RuntimeLevel,
  words: readonly string[],
): string[] {
  return commands.filter((command) =>
    mayUse(level, command.level) && beginsWith(command, words)
  ).map((command) => `  ${usageOf(command).padEnd(40)}: ${command.help}`);
}

/** The answer to a line that is no command, in HAProxy's words. */
export function unknownCommand(
  commands: readonly Command[],
  level: RuntimeLevel,
  words: readonly string[],
): string {
  const known = commands.filter((command) => mayUse(level, command.level));
  const alike = words.length === 0 ? [] : alikeTo(known, words);
  return alike.length === 0
    ? [
      "Unknown command. Please enter one of the following commands only:",
      ...helpLines(known, level, []),
    ].join("\n") + "\n"
    : [
      "Unknown command, but maybe one of the following ones is a better match:",
      ...helpLines(alike, level, []),
    ].join("\n") + "\n";
}

/** Those that share the most words with what was given, else the one that is spelt most like it. */
function alikeTo(
  commands: readonly Command[],
  words: readonly string[],
): readonly Command[] {
  for (let count = words.length; count > 0; count--) {
    const alike = commands.filter((command) =>
      beginsWith(command, words.slice(0, count))
    );
    if (alike.length > 0) return alike;
  }
  const near = nearest(
    words.slice(0, 3).join(" ").slice(0, 60),
    commands.map((command) => command.words.join(" ")),
  );
  return commands.filter((command) => command.words.join(" ") === near);
}

function beginsWith(command: Command, words: readonly string[]): boolean {
  return words.every((word, i) =>
    i === words.length - 1
      ? command.words[i]?.startsWith(word)
      : command.words[i] === word
  );
}
