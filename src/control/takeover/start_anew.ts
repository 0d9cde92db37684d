import { ControlError } from "../api.ts";

/** What the kernel says of a program whose file was replaced while it runs, as an upgrade does. */
const REPLACED = / \(deleted\)$/;

/** Start the program once more, to take over from this one. Throws ControlError("failed"). */
export function startAnew(socket: string, file: string): Deno.ChildProcess {
  const env = Deno.env.toObject();
  // It names this process, and the service manager's watchdog is for the new one (sd_watchdog_enabled(3)).
  delete env.WATCHDOG_PID;
  const program = Deno.execPath().replace(REPLACED, "");
  try {
    return new Deno.Command(program, {
      args: ["run", "--takeover", socket, file],
      env,
      clearEnv: true,
      stdin: "null",
      stdout: "inherit",
      stderr: "inherit",
    }).spawn();
  } catch (error) {
    const reason = (error as Error).message;
    throw new ControlError("failed", `cannot start ${program}: ${reason}`);
  }
}
