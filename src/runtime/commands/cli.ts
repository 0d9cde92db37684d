/** Commands about the connection itself. */
import type { RuntimeLevel } from "../../config/schema_runtime.ts";
import { type Command, CommandError, type SeverityOutput } from "../command.ts";
import { durationOf } from "../duration.ts";
import { helpLines } from "../find.ts";

export const cliCommands: readonly Command[] = [
  {
    words: ["help"],
    args: [{ text: "<command>", optional: true, repeated: true }],
    level: "user",
    help: "list matching or all commands",
    description: "Lists what the connection's level allows.",
    run: ({ commands, dialogue, args }) =>
      [
        "The following commands are valid at this level:",
        ...helpLines(commands, dialogue.level, args),
      ].join("\n") + "\n",
  },
  {
    words: ["prompt"],
    args: [{ text: "timed", optional: true }],
    level: "user",
    help: "toggle interactive mode with prompt",
    description:
      "The connection stays open and `> ` asks for the next line; with `timed` the prompt shows the time since the start. Given again it ends with that line.",
    run({ dialogue, args }) {
      const timed = args[0];
      if (timed !== undefined && timed !== "timed") {
        throw new CommandError("'prompt' takes nothing but 'timed'.");
      }
      if (timed === undefined && dialogue.prompt !== "off") {
        dialogue.prompt = "off";
        dialogue.ending = "line";
      } else dialogue.prompt = timed ?? "plain";
      return "";
    },
  },
  {
    words: ["quit"],
    level: "user",
    help: "disconnect",
    run({ dialogue }) {
      dialogue.ending = "now";
      return "";
    },
  },
  {
    words: ["echo"],
    args: [{ text: "<text>", optional: true, repeated: true }],
    level: "user",
    help: "print text as it is",
    description: "For scripts that mark where the answers of a line are.",
    run: ({ args }) => `${args.join(" ")}\n`,
  },
  {
    words: ["show", "cli", "level"],
    level: "user",
    help: "display the level of the current CLI session",
    run: ({ dialogue }) => `${dialogue.level}\n`,
  },
  {
    words: ["show", "cli", "sockets"],
    level: "operator",
    help: "dump list of cli sockets",
    run: ({ sockets }) =>
      "# socket lvl processes\n" +
      sockets().map(({ address, level }) => `${address} ${level} all\n`)
        .join(""),
  },
  lower("operator"),
  lower("user"),
  {
    words: ["set", "timeout", "cli"],
    args: [{ text: "<delay>" }],
    level: "user",
    help: "change how long this connection may be silent",
    description: "Seconds, or with a unit (`30s`, `5m`), up to a day.",
    run({ dialogue, args }) {
      const delay = durationOf(args[0]!, "s");
      if (delay === 0) throw new CommandError("Invalid timeout value.");
      dialogue.timeout = delay;
      return "";
    },
  },
  {
    words: ["set", "severity-output"],
    args: [{ text: "{none|number|string}" }],
    level: "user",
    help: "set presence of severity level in feedback information",
    run({ dialogue, args }) {
      const wanted = args[0] as SeverityOutput;
      if (!["none", "number", "string"].includes(wanted)) {
        throw new CommandError("one of 'none', 'number', 'string' is required");
      }
      dialogue.severity = wanted;
      return "";
    },
  },
  {
    words: ["set", "anon"],
    args: [{ text: "{on|off}" }],
    level: "user",
    help: "show accounts of this connection's answers shortened",
    description:
      "Their names then look as in the log: two characters and a keyed hash.",
    run({ dialogue, args }) {
      if (args[0] !== "on" && args[0] !== "off") {
        throw new CommandError("'set anon' only accepts 'on' or 'off'.");
      }
      dialogue.anonymous = args[0] === "on";
      return "";
    },
  },
  {
    words: ["show", "anon"],
    level: "user",
    help: "display whether accounts are shown shortened",
    run: ({ dialogue }) =>
      `Anonymized mode ${dialogue.anonymous ? "enabled" : "disabled"}\n`,
  },
];

/** The level of a connection goes down only. */
function lower(level: RuntimeLevel): Command {
  return {
    words: [level],
    level,
    help: `lower the level of the current CLI session to ${level}`,
    run({ dialogue }) {
      dialogue.level = level;
      return "";
    },
  };
}
