/** `show sess`, `shutdown session` and `shutdown sessions`. */
import type { SessionView } from "../../control/api.ts";
import { type Command, CommandError, type Invocation } from "../command.ts";
import { parseTarget } from "../targets.ts";

export const sessionCommands: readonly Command[] = [
  {
    words: ["show", "sess"],
    args: [{ text: "<id>|all", optional: true }],
    level: "operator",
    help: "report the list of current sessions or dump this exact session",
    description:
      "A line for each: `fe` is the listener, `be` and `srv` the destination and its leg, `ts` the stage. With an id, or `all`, a session takes several lines and tells its account.",
    run: showSessions,
  },
  {
    words: ["shutdown", "session"],
    args: [{ text: "<id>" }],
    level: "operator",
    changes: true,
    help: "kill a specific session",
    async run({ control, args }) {
      if (!await control.plane.closeSession(args[0]!, "kicked")) {
        throw new CommandError("No such session (use 'show sess').");
      }
      return "";
    },
  },
  {
    words: ["shutdown", "sessions", "server"],
    args: [{ text: "<dest>[/<leg>]" }],
    level: "operator",
    changes: true,
    help: "kill sessions on a destination, or on one leg of it",
    async run({ control, args }) {
      const { destination, protocol } = parseTarget(args[0]!, control.plane);
      await control.sessions.endAt(destination, protocol);
      return "";
    },
  },
  {
    words: ["shutdown", "sessions", "account"],
    args: [{ text: "<account>", account: true }],
    level: "operator",
    changes: true,
    help: "kill sessions of an account",
    async run({ control, args }) {
      await control.plane.kick(args[0]!);
      return "";
    },
  },
];

async function showSessions(
  { control, dialogue, args: [which] }: Invocation,
): Promise<string> {
  const sessions = await control.plane.sessions({});
  if (which === undefined) return sessions.map(line).join("");
  const chosen = sessions.filter(({ id }) => which === "all" || id === which);
  if (which !== "all" && chosen.length === 0) {
    throw new CommandError("Session not found.");
  }
  return chosen.map((session) => {
    const { identifier } = session;
    const account = identifier !== null && dialogue.anonymous
      ? control.shorten(identifier)
      : identifier;
    return lines(session, account ?? "<none>");
  }).join("");
}

function line(session: SessionView): string {
  const { id, protocol, client, listener, stage } = session;
  return `${id}: proto=${protocol} src=${client} fe=${listener} be=${
    session.destination ?? "<NONE>"
  } srv=${session.destination === null ? "<none>" : protocol} ts=${stage} age=${
    age(session)
  } bin=${session.bytes_in} bout=${session.bytes_out}\n`;
}

function lines(session: SessionView, account: string): string {
  return [
    `${session.id}: [${session.since}] proto=${session.protocol} source=${session.client}`,
    `  stage=${session.stage}, age=${age(session)}`,
    `  frontend=${session.listener}`,
    `  backend=${session.destination ?? "<NONE>"}`,
    `  account=${account}`,
    `  bytes_in=${session.bytes_in}, bytes_out=${session.bytes_out}`,
  ].map((text) => `${text}\n`).join("");
}

/** `5s`, `2m5s`, `1h2m5s`. */
function age({ since }: SessionView): string {
  const seconds = Math.max(
    0,
    Math.floor((Date.now() - Date.parse(since)) / 1000),
  );
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor(seconds % 3600 / 60);
  const text = hours > 0
    ? `${hours}h${minutes}m`
    : minutes > 0
    ? `${minutes}m`
    : "";
  return `${text}${seconds % 60}s`;
}
