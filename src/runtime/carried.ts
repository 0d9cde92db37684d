import type { CarriedCommand } from "../control/takeover/messages.ts";
import { CommandError, newDialogue } from "./command.ts";
import { findCommand } from "./find.ts";
import { type Occasion, perform } from "./perform.ts";

/** Do a command that a process was given which no longer does it. Throws CommandError, ControlError. */
export async function performCarried(
  { words, payload, level, address }: CarriedCommand,
  occasion: Pick<
    Occasion,
    "control" | "commands" | "sockets" | "audit" | "end"
  >,
): Promise<string> {
  const command = findCommand(occasion.commands, words);
  // The programs of the two processes need not have the same commands.
  if (command === null) throw new CommandError("Unknown command");
  const output = await perform(command, words, payload, {
    ...occasion,
    dialogue: newDialogue(level),
    address,
    gone: new AbortController().signal,
    input: () => new Promise<never>(() => {}),
    takeover: () => {},
  });
  if (typeof output === "string") return output;
  let text = "";
  for await (const piece of output) text += piece;
  return text;
}
