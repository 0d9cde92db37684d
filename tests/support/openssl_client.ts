/** `openssl s_client`, for TLS versions that the runtime's own client does not choose. */

/** Connect once with these options; answers what it printed and whether the handshake succeeded. */
export async function openssl(
  port: number,
  ...options: readonly string[]
): Promise<{ connected: boolean; output: string }> {
  const { stdout, stderr } = await new Deno.Command("openssl", {
    args: ["s_client", "-connect", `127.0.0.1:${port}`, ...options],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).output();
  const output = new TextDecoder().decode(stdout) +
    new TextDecoder().decode(stderr);
  return { connected: /Cipher is (?!\(NONE\))/.test(output), output };
}
