/** The examples of README.md, as its readers would take them. */

/** A command to paste, and what it prints. */
export interface Example {
  readonly command: string;
  readonly output: string;
}

export function readReadme(): Promise<string> {
  return Deno.readTextFile(new URL("../../README.md", import.meta.url));
}

/** The blocks of one language, in their order. */
export function blocks(markdown: string, language: string): string[] {
  return [...markdown.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)]
    .filter((match) => match[1] === language).map((match) => match[2]!);
}

/** Each `sh` block that a `text` block follows at once. */
export function examples(markdown: string): Example[] {
  const pairs = /^```sh\n([\s\S]*?)^```\n\n^```text\n([\s\S]*?)^```$/gm;
  return [...markdown.matchAll(pairs)].map((match) => ({
    command: match[1]!.trimEnd(),
    output: match[2]!,
  }));
}
