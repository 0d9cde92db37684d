/** `trace`: the logins of one account as they happen. */
import { type Command, CommandError, type Invocation } from "../command.ts";

/** Longer than anybody watches. */
const MOST_SECONDS = 3600;

export const traceCommands: readonly Command[] = [{
  words: ["trace", "account"],
  args: [{ text: "<account>", account: true }, { text: "<seconds>" }],
  level: "admin",
  changes: true,
  help: "show the steps of an account's logins for some seconds",
  description:
    "`>` is what the proxy says to the destination, `<` what that answers; credentials are left out, and during the login itself all but the kind of the answer. Give socat a `-t` that is longer.",
  run: trace,
}];

async function* trace(
  { control, args: [account, text], gone }: Invocation,
): AsyncGenerator<string> {
  const seconds = /^\d{1,5}$/.test(text!) ? Number(text) : 0;
  if (seconds < 1 || seconds > MOST_SECONDS) {
    throw new CommandError(`Expected 1 to ${MOST_SECONDS} seconds.`);
  }
  const steps = control.traces.trace(account!, seconds, gone);
  for await (const { at, session, text } of steps) {
    yield `${new Date(at).toISOString()} ${session} ${text}\n`;
  }
}
