/** One command, from its words to its output and its audit line. */
import type { AuditEntry } from "../control/audit_log.ts";
import {
  type Command,
  CommandError,
  type Invocation,
  mayUse,
  type Output,
} from "./command.ts";
import { checkArguments, takeVersion } from "./find.ts";
import type { TakeoverEnd } from "./takeover_end.ts";

/** Where a command comes from, and what it is done with. */
export interface Occasion
  extends Omit<Invocation, "args" | "version" | "by" | "payload"> {
  /** The socket that it came in by, as `show cli sockets` names it. */
  readonly address: string;
  /** The client's address, where it has one. */
  readonly client?: string;
  readonly audit: (entry: AuditEntry) => void;
  readonly end: Pick<TakeoverEnd, "gate" | "carry">;
}

/** `words` are the command's own and its arguments. Throws CommandError, ControlError. */
export async function perform(
  command: Command,
  words: readonly string[],
  payload: string | null,
  occasion: Occasion,
): Promise<Output> {
  const { dialogue: { level }, address, end } = occasion;
  const given = words.slice(command.words.length);
  const hasPayload = payload !== null;
  if (!mayUse(level, command.level)) {
    const denied = () => {
      throw new CommandError("Permission denied");
    };
    if (!command.changes) return denied();
    const { version, args } = asFarAsTheyFit(command, given, hasPayload);
    return await audited(command, version, args, denied, occasion);
  }
  const { version, args } = takeVersion(command, given);
  checkArguments(command, args, hasPayload);
  const run = () =>
    command.run({ ...occasion, args, version, by: address, payload });
  return command.changes
    ? await end.gate.change(
      () => audited(command, version, args, run, occasion),
      () => end.carry({ words, payload, level, address }),
    )
    : await run();
}

/** Nothing where they do not: an account could stand where the audit expects none. */
function asFarAsTheyFit(
  command: Command,
  words: readonly string[],
  hasPayload: boolean,
): ReturnType<typeof takeVersion> {
  try {
    const taken = takeVersion(command, words);
    checkArguments(command, taken.args, hasPayload);
    return taken;
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    return { version: null, args: [] };
  }
}

async function audited(
  command: Command,
  version: number | null,
  args: readonly string[],
  run: () => Output | Promise<Output>,
  { audit, address, client, dialogue, control }: Occasion,
): Promise<Output> {
  const record = (result: string) =>
    audit({
      via: "socket",
      actor: address,
      role: dialogue.level,
      ...client === undefined ? {} : { client },
      action: command.words.join(" "),
      parameters: {
        ...version !== null && { version: `@${version}` },
        ...parametersOf(command, args, control.shorten),
      },
      result,
    });
  try {
    const output = await run();
    record(typeof output === "string" && output !== "" ? output : "done");
    return output;
  } catch (error) {
    record(error instanceof Error ? error.message : String(error));
    throw error;
  }
}

/** Arguments by their names; accounts shortened. */
function parametersOf(
  { args: declared = [] }: Command,
  args: readonly string[],
  shorten: (account: string) => string,
): Record<string, string> {
  return Object.fromEntries(args.flatMap((value, i) => {
    const argument = declared[Math.min(i, declared.length - 1)]!;
    if (argument.secret) return [];
    const name = argument.name ?? /[a-z]+/.exec(argument.text)![0];
    return [[name, argument.account ? shorten(value) : value]];
  }));
}
