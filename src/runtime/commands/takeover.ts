/** `takeover`, which `mailferry run --takeover` gives. */
import { TAKEOVER_COMMAND } from "../../control/takeover/messages.ts";
import type { Command } from "../command.ts";

export const takeoverCommands: readonly Command[] = [
  {
    words: [TAKEOVER_COMMAND],
    level: "operator",
    help: "let a new process take over, as 'mailferry run --takeover' asks",
    description:
      "Only on a socket with `expose_listeners`, and only for a process of the same user: the connection then carries messages between the two.",
    run({ takeover }) {
      takeover();
      return "";
    },
  },
];
