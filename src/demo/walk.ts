/** Walks the story of the demonstration as its reader would. */
import type { Step } from "./story.ts";

/**
 * Runs each step until one does not show what it should. Answers null, or the first failure. `tell`
 * gets each output as it comes.
 */
export async function walk(
  steps: readonly Step[],
  tell: (text: string) => void,
): Promise<string | null> {
  const execute = await hasCurl()
    ? (step: Step) => shell(step.command)
    : (step: Step) => step.perform();
  for (const [i, step] of steps.entries()) {
    const output = await execute(step).catch((error: Error) => error.message);
    if (!step.shows.test(output)) {
      return `step ${i + 1} (${step.title}) failed: wanted ${step.shows}, ` +
        `got ${JSON.stringify(output)}`;
    }
    tell(`ok ${i + 1}. ${step.title}\n`);
  }
  return null;
}

async function hasCurl(): Promise<boolean> {
  // It has to speak IMAP as well, which small builds do not.
  const version = await shell("curl --version").catch(() => "");
  return /^Protocols:.*\bimaps\b/m.test(version);
}

/** Standard output and error of a command line. */
async function shell(command: string): Promise<string> {
  const { stdout, stderr } = await new Deno.Command("/bin/sh", {
    args: ["-c", command],
    stdin: "null",
  }).output();
  const text = new TextDecoder();
  return text.decode(stdout) + text.decode(stderr);
}
