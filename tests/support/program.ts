import { within } from "./wait.ts";

/** What a program of the host prints. An error with its complaint when it fails. */
export async function output(program: string, args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(program, {
    args,
    stdin: "null",
  }).output();
  const text = new TextDecoder();
  if (!success) throw new Error(`${program}: ${text.decode(stderr)}`);
  return text.decode(stdout);
}

/** How a program of the host ended and all that it printed. */
export async function outcome(
  program: string,
  args: string[],
  cwd?: string,
): Promise<{ code: number; text: string }> {
  const { code, stdout, stderr } = await new Deno.Command(program, {
    args,
    ...(cwd !== undefined && { cwd }),
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return { code, text: decoder.decode(stdout) + decoder.decode(stderr) };
}

/** End a server that a test started; it may have ended by itself, which its test has noticed. */
export async function stop(process: Deno.ChildProcess): Promise<void> {
  try {
    process.kill("SIGTERM");
  } catch {
    return;
  }
  try {
    await within(`the end of process ${process.pid}`, process.status);
  } catch {
    process.kill("SIGKILL");
    await process.status;
  }
}
