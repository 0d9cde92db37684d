/** Every command there is. `help`, the reference page and the completion are made from it. */
import type { Command } from "./command.ts";
import { aclCommands } from "./commands/acls.ts";
import { administrationCommands } from "./commands/administration.ts";
import { cliCommands } from "./commands/cli.ts";
import { infoCommands } from "./commands/info.ts";
import { journalCommands } from "./commands/journal.ts";
import { mapCommands } from "./commands/maps.ts";
import { probeCommands } from "./commands/probe.ts";
import { serverCommands } from "./commands/servers.ts";
import { sessionCommands } from "./commands/sessions.ts";
import { sslCommands } from "./commands/ssl.ts";
import { statCommands } from "./commands/stat.ts";
import { traceCommands } from "./commands/trace.ts";
import { takeoverCommands } from "./commands/takeover.ts";
import { waitCommands } from "./commands/wait.ts";

/** In the order in which `help` lists them. */
export const COMMANDS: readonly Command[] = [
  ...cliCommands,
  ...infoCommands,
  ...statCommands,
  ...serverCommands,
  ...administrationCommands,
  ...sslCommands,
  ...traceCommands,
  ...sessionCommands,
  ...mapCommands,
  ...aclCommands,
  ...journalCommands,
  ...probeCommands,
  ...takeoverCommands,
  ...waitCommands,
].sort((a, b) => a.words.join(" ") < b.words.join(" ") ? -1 : 1);
