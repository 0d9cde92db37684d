/** Lines of the runtime socket, as HAProxy's management guide (section 9.3) has them. */

/** One line: commands as lists of words, and how a payload that follows it ends. */
export interface ParsedLine {
  /** Never an empty list, never an empty command. */
  readonly commands: readonly (readonly string[])[];
  /** The line that ends the payload ("" is an empty one); null when no payload follows. */
  readonly payloadEnd: string | null;
}

/** Behind `<<` at most so many characters name the line that ends the payload. */
const LONGEST_END = 7;

/**
 * Commands stand between semicolons, words between blanks. A backslash takes the meaning from what
 * follows it (`\;`, `\ `, `\\`); quotation marks have none. A last word `<<` says that a payload
 * follows up to an empty line, `<<END` up to a line that is `END`; it belongs to the last command.
 */
export function parseLine(line: string): ParsedLine {
  const { commands, lastWordAt } = split(line);
  const marker = /^<<(\S*)\s*$/.exec(line.slice(lastWordAt))?.[1];
  if (marker === undefined || marker.length > LONGEST_END) {
    return { commands, payloadEnd: null };
  }
  return {
    commands: split(line.slice(0, lastWordAt)).commands,
    payloadEnd: marker,
  };
}

function split(text: string): { commands: string[][]; lastWordAt: number } {
  const commands: string[][] = [];
  let words: string[] = [];
  let word: string | null = null;
  let lastWordAt = text.length;
  const endWord = () => {
    if (word !== null) words.push(word);
    word = null;
  };
  const endCommand = () => {
    endWord();
    if (words.length > 0) commands.push(words);
    words = [];
  };
  for (let i = 0; i < text.length; i++) {
    const char = text[i]!;
    if (char === ";") endCommand();
    else if (char === " " || char === "\t") endWord();
    else {
      if (word === null) lastWordAt = i;
      // A backslash at the very end stands for itself.
      const taken: string = char === "\\" && i + 1 < text.length
        ? text[++i]!
        : char;
      word = (word ?? "") + taken;
    }
  }
  endCommand();
  return { commands, lastWordAt };
}
