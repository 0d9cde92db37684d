/** What the kernel says of a program whose file was replaced while it runs, as an upgrade does. */
const REPLACED = / \(deleted\)$/;

/** Start the program once more, to take over from this one. */
export function startAnew(socket: string, file: string): Deno.ChildProcess {
  const env = Deno.env.toObject();
  // It names this process, and the service manager's watchdog is for the new one (sd_watchdog_enabled(3)).
  delete env.WATCHDOG_PID;
  return new Deno.Command(Deno.execPath().replace(REPLACED, ""), {
    args: ["run", "--takeover", socket, file],
    env,
    clearEnv: true,
    stdin: "null",
    stdout: "inherit",
    stderr: "inherit",
  }).spawn();
}
