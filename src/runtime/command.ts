/** What a command of the runtime socket is. */
import { RUNTIME_LEVELS, type RuntimeLevel } from "../config/schema_runtime.ts";
import type { RuntimeControl } from "../control/api_runtime.ts";

/** One argument, as `help` shows it. */
export interface Argument {
  /** Such as `<dest>[/<leg>]`. */
  readonly text: string;
  /** In audit lines, where it is not the first word of `text`. */
  readonly name?: string;
  readonly optional?: true;
  /** It may stand there more than once; the last one only. */
  readonly repeated?: true;
  /** It names an account, and is shortened in audit lines. */
  readonly account?: true;
  /** It may hold a secret, and is left out of audit lines. */
  readonly secret?: true;
}

/** How answers that are messages, not data, are marked: `set severity-output`. */
export type SeverityOutput = "none" | "number" | "string";

/** One connection's side of a dialogue, which a few commands change. */
export interface Dialogue {
  level: RuntimeLevel;
  /** Interactive: the connection stays open, and a prompt asks for more. */
  prompt: "off" | "plain" | "timed";
  /** Milliseconds without a line until the connection is closed; null: what is usual. */
  timeout: number | null;
  severity: SeverityOutput;
  /** Accounts are shown shortened. */
  anonymous: boolean;
  /** Close at once, or when this line is answered. */
  ending: "no" | "line" | "now";
}

/** As a connection begins. */
export function newDialogue(level: RuntimeLevel): Dialogue {
  return {
    level,
    prompt: "off",
    timeout: null,
    severity: "none",
    anonymous: false,
    ending: "no",
  };
}

/** A socket that commands are taken on, as `show cli sockets` lists it. */
export interface SocketView {
  /** `unix@/path`, `ipv4@127.0.0.1:9999`, `ipv6@[::1]:9999`. */
  readonly address: string;
  readonly level: RuntimeLevel;
}

/** What a handler is given. */
export interface Invocation {
  readonly control: RuntimeControl;
  readonly dialogue: Dialogue;
  /** The words behind the command's own, without the version. */
  readonly args: readonly string[];
  /** Of `@<ver>`; null where none was given. */
  readonly version: number | null;
  /** Who asks, for what is kept of it. */
  readonly by: string;
  /** What followed `<<`, lines ended by LF; null where there was none. */
  readonly payload: string | null;
  /** All sockets now. */
  readonly sockets: () => readonly SocketView[];
  /** Every command there is, for `help`. */
  readonly commands: readonly Command[];
  /** Aborted when the connection is over. */
  readonly gone: AbortSignal;
  /** Resolves when the client sends something more, or will not. */
  readonly input: () => Promise<void>;
  /** The connection speaks something else from now on. Throws CommandError where its socket does not offer that. */
  readonly takeover: () => void;
}

/** Text that ends with a line feed, or is empty; in pieces where it may be long. It has no empty line. */
export type Output = string | AsyncIterable<string>;

export interface Command {
  /** The words that it begins with. */
  readonly words: readonly string[];
  /** `@<ver>` may, or has to, stand in front of its arguments. */
  readonly version?: "optional" | "required";
  readonly args?: readonly Argument[];
  /** It takes a payload in place of its last arguments. */
  readonly payload?: true;
  readonly level: RuntimeLevel;
  /** It changes something beyond its connection, and leaves an audit line. */
  readonly changes?: true;
  /** For `help`; no full stop. */
  readonly help: string;
  /** More for the reference page. */
  readonly description?: string;
  readonly run: (invocation: Invocation) => Output | Promise<Output>;
}

/** Why a command was not done: one line for whoever gave it. */
export class CommandError extends Error {
  override readonly name = "CommandError";
}

export function mayUse(level: RuntimeLevel, needed: RuntimeLevel): boolean {
  return RUNTIME_LEVELS.indexOf(level) >= RUNTIME_LEVELS.indexOf(needed);
}

/** The words and arguments of a command, as `help` shows them. */
export function usageOf({ words, version, args = [] }: Command): string {
  const versions = version === undefined
    ? []
    : [argumentText({ text: "@<ver>", ...OPTIONAL[version] })];
  return [...words, ...versions, ...args.map(argumentText)].join(" ");
}

const OPTIONAL = { optional: { optional: true }, required: {} } as const;

function argumentText({ text, optional, repeated }: Argument): string {
  return optional ? `[${text}]${repeated ? "*" : ""}` : text;
}
