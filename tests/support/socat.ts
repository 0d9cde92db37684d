/** The runtime socket as a script uses it: with socat. */
import { within } from "./wait.ts";

/** What socat prints for `input`; `address` as socat has it: `unix-connect:/path`. */
export async function socat(address: string, input: string): Promise<string> {
  const process = new Deno.Command("socat", {
    args: ["-t", "20", "stdio", address],
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const writer = process.stdin.getWriter();
  // A server that has seen enough may close before everything is written.
  await writer.write(new TextEncoder().encode(input)).catch(() => {});
  await writer.close().catch(() => {});
  const { stdout } = await within("the end of socat", process.output());
  return new TextDecoder().decode(stdout);
}
