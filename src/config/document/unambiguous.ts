import { shortened } from "../issues.ts";
import { DocumentError } from "./error.ts";
import { MAX_DEPTH, tooDeep } from "./json.ts";

/**
 * Refuses JSON or JSON5 that parsers accept and people misread: an object with a name twice, of
 * which all but one would vanish without a word; and what is nested so deep that it exhausts the
 * stack. Works on tokens and leaves it to the parser to find what is no JSON at all. DocumentError
 * (invalid).
 *
 * @param nameOf what a token stands for that is a name: it may be quoted and have escapes
 */
export function refuseAmbiguous(
  text: string,
  nameOf: (token: string) => string,
): void {
  /** The names of each object that is open; null for a list. */
  const open: (Set<string> | null)[] = [];
  let isName = false;
  for (const token of tokens(text)) {
    switch (token) {
      case "{":
      case "[":
        if (open.length >= MAX_DEPTH) throw tooDeep();
        open.push(token === "{" ? new Set() : null);
        isName = token === "{";
        break;
      case "}":
      case "]":
        open.pop();
        isName = false;
        break;
      case ",":
        isName = open.at(-1) instanceof Set;
        break;
      case ":":
        break;
      default:
        if (isName) add(open.at(-1)!, nameOf(token));
        isName = false;
    }
  }
}

function add(names: Set<string>, name: string): void {
  if (names.has(name)) {
    throw new DocumentError(
      "invalid",
      `an object has ${JSON.stringify(shortened(name))} twice`,
    );
  }
  names.add(name);
}

/** Brackets, commas, colons, strings with their quotes, and words; comments and space are left out. */
function* tokens(text: string): Generator<string> {
  const word = /[^\s"'{}[\],:/]+/y;
  for (let at = 0; at < text.length;) {
    const char = text[at]!;
    let end = at + 1;
    if (char === '"' || char === "'") {
      end = endOfString(text, at);
    } else if (text.startsWith("//", at)) {
      at = endOf(text, /[\n\r\u2028\u2029]/g, at);
      continue;
    } else if (text.startsWith("/*", at)) {
      at = endOf(text, /\*\//g, at + 2);
      continue;
    } else if (!"{}[],:/".includes(char)) {
      word.lastIndex = at;
      const found = word.exec(text);
      // White space of any kind.
      if (found === null) {
        at++;
        continue;
      }
      end = word.lastIndex;
    }
    yield text.slice(at, end);
    at = end;
  }
}

/** Behind the closing quote, or the end where it never closes. */
function endOfString(text: string, start: number): number {
  const quote = text[start];
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === "\\") at++;
    else if (text[at] === quote) return at + 1;
  }
  return text.length;
}

function endOf(text: string, mark: RegExp, from: number): number {
  mark.lastIndex = from;
  return mark.exec(text) === null ? text.length : mark.lastIndex;
}
