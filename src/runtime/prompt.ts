/** `[0:00:01:05]> `: days, hours, minutes and seconds since the start. */
export function uptimePrompt(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  const two = (value: number) => String(Math.floor(value)).padStart(2, "0");
  return `[${Math.floor(seconds / 86400)}:${two(seconds % 86400 / 3600)}:${
    two(seconds % 3600 / 60)
  }:${two(seconds % 60)}]> `;
}
