/** `show errors` and `show events`: what was logged lately. */
import type { JournalKeeper } from "../../control/api_journal.ts";
import { formatText, type TimedLine } from "../../observe/log_format.ts";
import {
  type Command,
  CommandError,
  type Invocation,
  type Output,
} from "../command.ts";

/** The buffers that `show events` knows. */
const SINKS = {
  log: "the last lines of the log",
  errors: "those about clients, logins and backends that failed",
};

/** Lines that wait for a reader of `show events -w`; beyond it the oldest are left out. */
const MOST_WAITING = 1000;

export const journalCommands: readonly Command[] = [
  {
    words: ["show", "errors"],
    level: "operator",
    help: "report the last protocol errors and refused logins",
    description:
      "Lines as in the log, the oldest first, of clients that broke their protocol, refused logins and backends that failed. They hold no credentials, and accounts are shortened.",
    async run({ control: { journal } }) {
      await journal.catchUp();
      const now = new Date().toISOString();
      const lines = journal.errors.all().map(formatText).join("");
      return `Total events captured on [${now}] : ${journal.errors.total}\n${lines}`;
    },
  },
  {
    words: ["show", "events"],
    args: [
      { text: "log|errors", optional: true },
      { text: "-w|-n", optional: true, repeated: true },
    ],
    level: "operator",
    help: "show event sink state, or what is in a sink",
    description:
      "Without a sink it lists them. `-w` waits for more at the end, until any input; `-n` begins at the end; `-wn` is both.",
    run: showEvents,
  },
];

async function showEvents(invocation: Invocation): Promise<Output> {
  const { control: { journal }, args: [name, ...options] } = invocation;
  if (name === undefined) {
    return "Supported events sinks are listed below. Add -w(wait), -n(new). Any key to stop\n" +
      Object.entries(SINKS).map(([sink, what]) =>
        `    ${sink.padEnd(11)}: type=buffer, 0 dropped, ${what}\n`
      ).join("");
  }
  if (name !== "log" && name !== "errors") {
    throw new CommandError(`No such event sink '${name.slice(0, 40)}'`);
  }
  const wrong = options.find((option) => !/^-(w|n|wn|nw)$/.test(option));
  if (wrong !== undefined) {
    throw new CommandError(`unknown option '${wrong.slice(0, 40)}'`);
  }
  await journal.catchUp();
  const sink = name === "log" ? journal.events : journal.errors;
  const isNew = options.some((option) => option.includes("n"));
  const past = isNew ? [] : sink.all();
  return options.some((option) => option.includes("w"))
    ? follow(sink, past, invocation)
    : past.map(formatText).join("");
}

async function* follow(
  sink: JournalKeeper,
  past: readonly TimedLine[],
  { input, gone }: Invocation,
): AsyncGenerator<string> {
  let waiting: TimedLine[] = [...past];
  let stopped = false;
  let wake = () => {};
  const leave = sink.watch((line) => {
    if (waiting.length >= MOST_WAITING) waiting.shift();
    waiting.push(line);
    wake();
  });
  void input().then(() => {
    stopped = true;
    wake();
  });
  try {
    while (!gone.aborted) {
      const lines = waiting;
      waiting = [];
      if (lines.length > 0) yield lines.map(formatText).join("");
      if (stopped) return;
      if (waiting.length > 0) continue;
      await new Promise<void>((resolve) => wake = resolve);
    }
  } finally {
    leave();
  }
}
