/** mailferry: a per-account mail proxy with a complete runtime management API. */
import { runCommand } from "./src/cli/commands.ts";

Deno.exitCode = await runCommand(Deno.args);
Deno.exit();
