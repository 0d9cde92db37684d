/** `wait`: for a time, or until something is so. */
import { type Command, CommandError, type Invocation } from "../command.ts";
import { durationOf } from "../duration.ts";
import { parseTarget } from "../targets.ts";

/** Between two looks. */
const LOOK_MS = 100;

type Condition = () => Promise<boolean>;

export const waitCommands: readonly Command[] = [{
  words: ["wait"],
  args: [
    { text: "<time>" },
    { text: "<condition>", optional: true },
    { text: "<argument>", optional: true },
  ],
  level: "operator",
  help: "wait for a time, or until a condition holds",
  description:
    "Milliseconds, or with a unit (`500ms`, `2s`, `5m`). With `srv-removable <dest>[/<leg>]` it ends with `Done.` as soon as no session is there, with `no-sessions <account>` when the account has none; `Wait delay expired.` says that it was not so in time. Give socat a `-t` that is longer.",
  run: wait,
}];

async function wait(invocation: Invocation): Promise<string> {
  const { args: [time, ...condition], gone } = invocation;
  const end = performance.now() + durationOf(time!, "ms");
  const holds = conditionOf(condition, invocation);
  for (;;) {
    if (holds && await holds()) return "Done.\n";
    const left = end - performance.now();
    if (gone.aborted || left <= 0) break;
    await pause(holds ? Math.min(left, LOOK_MS) : left, gone);
  }
  if (holds) throw new CommandError("Wait delay expired.");
  return "";
}

function conditionOf(
  [name, argument]: readonly string[],
  { control: { plane, traffic } }: Invocation,
): Condition | null {
  if (name === undefined) return null;
  if (argument === undefined) {
    throw new CommandError(`'wait' needs to know what '${name}' is about.`);
  }
  if (name === "no-sessions") {
    return async () =>
      (await plane.sessions({ identifier: argument })).length === 0;
  }
  if (name !== "srv-removable") {
    throw new CommandError(
      "Unknown condition: 'srv-removable' and 'no-sessions' are known.",
    );
  }
  const { destination, protocol } = parseTarget(argument, plane);
  return async () => {
    const { destinations } = await traffic.traffic();
    const found = destinations.find((d) => d.destination === destination);
    const load = protocol === null
      ? found
      : found?.legs.find((leg) => leg.protocol === protocol);
    return (load?.now ?? 0) === 0;
  };
}

/** Resolves after `ms`, or when the connection is over. */
function pause(ms: number, gone: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      gone.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    gone.addEventListener("abort", end);
  });
}
