/**
 * Finds the line of each key in a TOML text. The parser gives positions for syntax errors alone, so
 * this reads a text that the parser has accepted a second time, for places only. It never throws: on
 * anything unexpected it stops, and keys behind that point have the line of their nearest ancestor.
 */
import { parse } from "smol-toml";
import type { Path } from "./issues.ts";

const pathKey = (path: Path) => JSON.stringify(path);

export class TomlLines {
  readonly #lines = new Map<string, number>();

  constructor(text: string) {
    try {
      new Scanner(text, this.#lines).document();
    } catch (error) {
      if (!(error instanceof Lost)) throw error;
    }
  }

  /** 1-based line of a key, or of the nearest table around it that the text has; null for none. */
  lineOf(path: Path): number | null {
    for (let end = path.length; end > 0; end--) {
      const line = this.#lines.get(pathKey(path.slice(0, end)));
      if (line !== undefined) return line;
    }
    return null;
  }
}

/** The scanner no longer knows where it is. */
class Lost extends Error {}

class Scanner {
  #at = 0;
  /** Line of `#counted`, so that lines are counted once. */
  #line = 1;
  #counted = 0;
  /** How many tables each array of tables has so far. */
  readonly #arrays = new Map<string, number>();
  /** Tables that only a longer header has named; a header of their own is the better place. */
  readonly #implicit = new Set<string>();

  constructor(
    readonly text: string,
    readonly lines: Map<string, number>,
  ) {}

  document(): void {
    let table: Path = [];
    for (;;) {
      this.#skip(true);
      if (this.#at >= this.text.length) return;
      if (this.text[this.#at] === "[") table = this.#header();
      else this.#pair(table);
    }
  }

  #header(): Path {
    const line = this.#currentLine();
    const isArray = this.text.startsWith("[[", this.#at);
    this.#at += isArray ? 2 : 1;
    const parts = this.#dottedKey();
    this.#expect("]");
    if (isArray) this.#expect("]");
    const path: (string | number)[] = [];
    parts.forEach((part, i) => {
      path.push(part);
      const last = i === parts.length - 1;
      this.#note(path, line, last);
      const name = pathKey(path);
      const count = this.#arrays.get(name) ?? 0;
      if (last && isArray) {
        this.#arrays.set(name, count + 1);
        path.push(count);
        this.#note(path, line, true);
      } else if (count > 0) path.push(count - 1);
    });
    return path;
  }

  #pair(table: Path): void {
    const line = this.#currentLine();
    const path: (string | number)[] = [...table];
    const parts = this.#dottedKey();
    parts.forEach((part, i) => {
      path.push(part);
      this.#note(path, line, i === parts.length - 1);
    });
    this.#expect("=");
    this.#skip(false);
    this.#value(path);
  }

  #note(path: Path, line: number, explicit: boolean): void {
    const name = pathKey(path);
    if (!this.lines.has(name)) {
      this.lines.set(name, line);
      if (!explicit) this.#implicit.add(name);
    } else if (explicit && this.#implicit.delete(name)) {
      this.lines.set(name, line);
    }
  }

  #value(path: Path): void {
    const { text } = this;
    const char = text[this.#at];
    if (char === '"' || char === "'") this.#string(char);
    else if (char === "[") this.#array(path);
    else if (char === "{") this.#inlineTable(path);
    else {
      const start = this.#at;
      while (this.#at < text.length && !/[,\]}#\r\n]/.test(text[this.#at]!)) {
        this.#at++;
      }
      if (this.#at === start) throw new Lost();
    }
  }

  #array(path: Path): void {
    this.#at++;
    for (let i = 0;; i++) {
      this.#skip(true);
      if (this.text[this.#at] === "]") break;
      this.#note([...path, i], this.#currentLine(), true);
      this.#value([...path, i]);
      this.#skip(true);
      if (this.text[this.#at] === ",") this.#at++;
    }
    this.#at++;
  }

  #inlineTable(path: Path): void {
    this.#at++;
    for (;;) {
      this.#skip(true);
      if (this.text[this.#at] === "}") break;
      this.#pair(path);
      this.#skip(true);
      if (this.text[this.#at] === ",") this.#at++;
    }
    this.#at++;
  }

  /** Pass a string, which may span lines; answers it with its quotes. */
  #string(quote: string): string {
    const start = this.#at;
    const triple = quote.repeat(3);
    const mark = this.text.startsWith(triple, start) ? triple : quote;
    let at = start + mark.length;
    while (!this.text.startsWith(mark, at)) {
      if (at >= this.text.length) throw new Lost();
      at += quote === '"' && this.text[at] === "\\" ? 2 : 1;
    }
    at += mark.length;
    // Up to two quotes may stand before the closing three.
    while (mark === triple && this.text[at] === quote) at++;
    this.#at = at;
    return this.text.slice(start, at);
  }

  #dottedKey(): string[] {
    const parts: string[] = [];
    do {
      this.#skip(false);
      const char = this.text[this.#at];
      if (char === '"' || char === "'") {
        parts.push(unquote(this.#string(char)));
      } else {
        const bare = /[A-Za-z0-9_-]+/y;
        bare.lastIndex = this.#at;
        const match = bare.exec(this.text);
        if (match === null) throw new Lost();
        this.#at += match[0].length;
        parts.push(match[0]);
      }
      this.#skip(false);
    } while (this.text[this.#at] === "." && ++this.#at > 0);
    return parts;
  }

  #expect(char: string): void {
    if (this.text[this.#at] !== char) throw new Lost();
    this.#at++;
  }

  /** Pass white space, and line ends and comments too when `lines`. */
  #skip(lines: boolean): void {
    for (; this.#at < this.text.length; this.#at++) {
      const char = this.text[this.#at]!;
      if (char === "#" && lines) {
        const end = this.text.indexOf("\n", this.#at);
        this.#at = end === -1 ? this.text.length - 1 : end;
      } else if (!" \t".includes(char) && !(lines && "\r\n".includes(char))) {
        return;
      }
    }
  }

  #currentLine(): number {
    for (; this.#counted < this.#at; this.#counted++) {
      if (this.text[this.#counted] === "\n") this.#line++;
    }
    return this.#line;
  }
}

function unquote(quoted: string): string {
  try {
    return String(parse(`k = ${quoted}`)["k"]);
  } catch {
    throw new Lost();
  }
}
