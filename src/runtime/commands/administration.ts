/** What administrators want of destinations, legs and listeners, over the configuration. */
import { isHost } from "../../config/scalars.ts";
import { ControlError } from "../../control/api.ts";
import { type Command, CommandError, type Invocation } from "../command.ts";
import { parseTarget } from "../targets.ts";

const STATES = ["ready", "drain", "maint"] as const;
const FRONTENDS = [
  ["enable", "enabled", "re-enable a listener that was disabled"],
  ["disable", "disabled", "temporarily take a listener off its addresses"],
  ["shutdown", "shut", "take a listener off its addresses for good"],
] as const;

const server = { text: "<dest>[/<leg>]" };

export const administrationCommands: readonly Command[] = [
  {
    words: ["set", "server"],
    args: [
      server,
      { text: "state|health|addr", name: "what" },
      { text: "<value>" },
      { text: "port" },
      { text: "<port>" },
    ].map((argument, i) => i < 3 ? argument : { ...argument, optional: true }),
    level: "admin",
    changes: true,
    help: "change the state, health or address of a destination or leg",
    description:
      "`state ready|drain|maint`: `drain` takes no new logins, `maint` also ends the sessions there. `health up|down`: as if the breaker had found so. `addr <host> [port <port>]`: another host for a destination with all its legs, another port for one leg; a name is also what its certificate must have, unless `tls_server_name` says, and an address leaves that as it was; `addr -` is what the configuration says. Kept over a restart, but for `health`.",
    run: setServer,
  },
  {
    words: ["enable", "server"],
    args: [server],
    level: "admin",
    changes: true,
    help: "take a destination or leg into service",
    run: (invocation) => setState(invocation, "ready"),
  },
  {
    words: ["disable", "server"],
    args: [server],
    level: "admin",
    changes: true,
    help: "put a destination or leg into maintenance",
    run: (invocation) => setState(invocation, "maint"),
  },
  ...FRONTENDS.map(([verb, state, help]): Command => ({
    words: [verb, "frontend"],
    args: [{ text: "<listener>" }],
    level: "admin",
    changes: true,
    help,
    description: state === "shut"
      ? "Its sessions go on. Only clearing the override (`mailferry ctl overrides clear`) brings it back."
      : "Its sessions go on.",
    async run({ control, args, by }) {
      await ofFrontend(control.servers.setFrontend(args[0]!, state, by));
      return "";
    },
  })),
  {
    words: ["set", "maxconn", "frontend"],
    args: [{ text: "<listener>" }, { text: "<value>" }],
    level: "admin",
    changes: true,
    help: "change a listener's most connections; 0: as configured",
    async run({ control, args: [listener, value], by }) {
      const most = wholeOf(value!);
      await ofFrontend(
        control.servers.setMaxConnections(listener!, most, by),
      );
      return "";
    },
  },
  {
    words: ["set", "maxconn", "global"],
    args: [{ text: "<value>" }],
    level: "admin",
    changes: true,
    help: "change the most connections of all listeners together; 0: no limit",
    async run({ control, args: [value], by }) {
      await control.servers.setMaxConnections(null, wholeOf(value!), by);
      return "";
    },
  },
  ...(["connections", "logins"] as const).map((of): Command => ({
    words: ["set", "rate-limit", of, "global"],
    args: [{ text: "<value>" }],
    level: "admin",
    changes: true,
    help: `change how many ${of} are let through a second; 0: all`,
    description: "Those that come sooner wait for their turn.",
    async run({ control, args: [value], by }) {
      await control.servers.setRateLimit(of, wholeOf(value!), by);
      return "";
    },
  })),
];

/** A listener that is unknown, in HAProxy's words. */
async function ofFrontend(done: Promise<void>): Promise<void> {
  try {
    await done;
  } catch (error) {
    if (error instanceof ControlError && error.code === "unknown") {
      throw new CommandError("No such frontend.");
    }
    throw error;
  }
}

async function setState(
  { control, args, by }: Invocation,
  state: (typeof STATES)[number],
): Promise<string> {
  parseTarget(args[0]!, control.plane);
  await control.servers.setState(args[0]!, state, by);
  return "";
}

async function setServer(invocation: Invocation): Promise<string> {
  const { control, args: [name, what, value, word, port], by } = invocation;
  parseTarget(name!, control.plane);
  if (word !== undefined && what !== "addr") {
    throw new CommandError(`'set server ${what}' takes one value.`);
  }
  switch (what) {
    case "state": {
      const state = STATES.find((known) => known === value);
      if (state) return await setState(invocation, state);
      throw new CommandError(
        "'set server <srv> state' expects 'ready', 'drain' and 'maint'.",
      );
    }
    case "health":
      if (value !== "up" && value !== "down") {
        throw new CommandError(
          "'set server <srv> health' expects 'up' or 'down'.",
        );
      }
      control.servers.setHealth(name!, value);
      return "";
    case "addr":
      await control.servers.setAddress(
        name!,
        addressOf(value!, word, port),
        by,
      );
      return "";
    default:
      throw new CommandError(
        "'set server <srv>' only supports 'state', 'health' and 'addr'.",
      );
  }
}

function addressOf(
  host: string,
  word: string | undefined,
  port: string | undefined,
): { host: string; port?: number } | null {
  if (host === "-" && word === undefined) return null;
  if (!isHost(host)) throw new CommandError("Invalid addr.");
  if (word === undefined) return { host };
  const number = word === "port" && port !== undefined ? wholeOf(port) : 0;
  if (number >= 1 && number <= 65535) return { host, port: number };
  throw new CommandError("Expected 'port' and a number from 1 to 65535.");
}

function wholeOf(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new CommandError("Integer value expected.");
}
