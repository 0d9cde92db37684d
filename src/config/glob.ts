/**
 * Patterns for paths: `*` (not across a slash), `**`, `?`, `[a-z]`, `[!a-z]`, `{a,b}`, and a backslash
 * in front of what is meant as it is. They are run as an automaton all of whose states advance together,
 * so that a path costs no more than its length times that of the pattern, whatever either of them is.
 */
import { PatternFault } from "./pattern_fault.ts";

/** In characters. Braces may be nested as deep, and each costs a level of recursion. */
const LONGEST = 1000;

const SLASH = 0x2f;

type Test = (character: number) => boolean;

/** A step of the automaton; `split` goes on at both places. */
type Step =
  | { readonly kind: "test"; readonly test: Test }
  | { readonly kind: "split"; first: number; second: number }
  | { readonly kind: "jump"; to: number }
  | { readonly kind: "end" };

/** Whether a path, in its canonical form, is matched as a whole. Throws PatternFault. */
export function compileGlob(pattern: string): (path: string) => boolean {
  if (pattern.length > LONGEST) {
    throw new PatternFault(`has more than ${LONGEST} characters`);
  }
  const steps = new GlobParser(canonicalPath(pattern)).parse();
  const settles = steps.map((_, at) => isLastDoubleStar(steps, at));
  const seen = new Int32Array(steps.length);
  let now = new Int32Array(steps.length);
  let next = new Int32Array(steps.length);
  let count = 0;
  let isSettled = false;
  const enter = (set: Int32Array, at: number, position: number) => {
    if (seen[at] === position) return;
    seen[at] = position;
    const step = steps[at]!;
    if (step.kind === "split") {
      enter(set, step.first, position);
      enter(set, step.second, position);
    } else if (step.kind === "jump") enter(set, step.to, position);
    else {
      set[count++] = at;
      if (settles[at]) isSettled = true;
    }
  };
  return (path) => {
    seen.fill(-1);
    count = 0;
    isSettled = false;
    enter(now, 0, 0);
    for (let at = 0; at < path.length && !isSettled;) {
      const character = path.codePointAt(at)!;
      at += character > 0xffff ? 2 : 1;
      const waiting = count;
      count = 0;
      for (let i = 0; i < waiting; i++) {
        const step = steps[now[i]!]!;
        if (step.kind === "test" && step.test(character)) {
          enter(next, now[i]! + 1, at);
        }
      }
      if (count === 0) return false;
      [now, next] = [next, now];
    }
    return isSettled || seen[steps.length - 1] === path.length;
  };
}

/** Whether a step is that of a `**` with nothing behind it: once there, a path matches whatever follows. */
function isLastDoubleStar(steps: readonly Step[], at: number): boolean {
  const step = steps[at]!;
  if (step.kind !== "test" || step.test !== isAny) return false;
  const visited = new Set<number>();
  const leadsToEnd = (to: number): boolean => {
    if (visited.has(to)) return false;
    visited.add(to);
    const next = steps[to]!;
    return next.kind === "end" ||
      next.kind === "jump" && leadsToEnd(next.to) ||
      next.kind === "split" &&
        (leadsToEnd(next.first) || leadsToEnd(next.second));
  };
  return leadsToEnd(at + 1);
}

/**
 * A path or a pattern in the form in which they are compared: what is percent-encoded without need
 * (RFC 3986 6.2.2.2), or is not ASCII, as itself, and the hexadecimal digits of the rest in upper case.
 */
export function canonicalPath(text: string): string {
  if (!text.includes("%")) return text;
  return text.replace(/(?:%[89a-f][0-9a-f])+/gi, (encoded) => {
    try {
      return decodeURIComponent(encoded);
    } catch {
      return encoded.toUpperCase();
    }
  }).replace(/%[0-7][0-9a-f]/gi, (encoded) => {
    const character = decodeURIComponent(encoded);
    return /[A-Za-z0-9._~-]/.test(character)
      ? character
      : encoded.toUpperCase();
  });
}

class GlobParser {
  readonly #text: readonly string[];
  readonly #steps: Step[] = [];
  #at = 0;

  constructor(pattern: string) {
    this.#text = [...pattern];
  }

  parse(): readonly Step[] {
    this.#sequence(0);
    if (this.#at < this.#text.length) {
      throw new PatternFault('has a "}" without a "{"');
    }
    this.#steps.push({ kind: "end" });
    return this.#steps;
  }

  /** Up to the end, or to what ends an alternative of braces. */
  #sequence(depth: number): void {
    const start = this.#at;
    for (;;) {
      const character = this.#text[this.#at];
      if (
        character === undefined || character === "}" ||
        character === "," && depth > 0
      ) return;
      const isSegmentStart = this.#at === start ||
        this.#text[this.#at - 1] === "/";
      this.#at++;
      switch (character) {
        case "*":
          this.#stars(isSegmentStart);
          break;
        case "?":
          this.#test(isNoSlash);
          break;
        case "[":
          this.#test(this.#set());
          break;
        case "{":
          this.#alternatives(depth);
          break;
        case "\\":
          this.#test(isCharacter(this.#next("ends with a backslash")));
          break;
        default:
          this.#test(isCharacter(character.codePointAt(0)!));
      }
    }
  }

  #stars(isSegmentStart: boolean): void {
    if (this.#text[this.#at] !== "*") {
      this.#repeat(isNoSlash);
      return;
    }
    while (this.#text[this.#at] === "*") this.#at++;
    if (!isSegmentStart || this.#text[this.#at] !== "/") {
      this.#repeat(isAny);
      return;
    }
    // Any number of whole segments, none included.
    this.#at++;
    const split = this.#split();
    this.#repeat(isAny);
    this.#test(isCharacter(SLASH));
    split.second = this.#steps.length;
  }

  #alternatives(depth: number): void {
    const ends: { to: number }[] = [];
    for (;;) {
      const split = this.#split();
      this.#sequence(depth + 1);
      const end = { kind: "jump" as const, to: 0 };
      this.#steps.push(end);
      ends.push(end);
      const character = this.#text[this.#at++];
      if (character === undefined) {
        throw new PatternFault('has a "{" without a "}"');
      }
      if (character === "}") {
        // The last one is not a choice.
        split.second = split.first;
        break;
      }
      split.second = this.#steps.length;
    }
    for (const end of ends) end.to = this.#steps.length;
  }

  /** Behind the opening bracket. */
  #set(): Test {
    const unclosed = 'has a "[" without a "]"';
    const ranges: [number, number][] = [];
    const isNegated = ["!", "^"].includes(this.#text[this.#at] ?? "");
    if (isNegated) this.#at++;
    for (let isFirst = true;; isFirst = false) {
      if (this.#text[this.#at] === "]" && !isFirst) break;
      const first = this.#member(unclosed);
      const isRange = this.#text[this.#at] === "-" &&
        this.#text[this.#at + 1] !== "]";
      if (isRange) this.#at++;
      const last = isRange ? this.#member(unclosed) : first;
      if (last < first) {
        throw new PatternFault(
          `has a range that goes backwards, from ${
            String.fromCodePoint(first)
          } to ${String.fromCodePoint(last)}`,
        );
      }
      ranges.push([first, last]);
    }
    this.#at++;
    return (character) =>
      character !== SLASH &&
      ranges.some(([first, last]) =>
          character >= first && character <= last
        ) !== isNegated;
  }

  #member(missing: string): number {
    const character = this.#next(missing);
    return character === 0x5c ? this.#next(missing) : character;
  }

  #next(missing: string): number {
    const character = this.#text[this.#at++];
    if (character === undefined) throw new PatternFault(missing);
    return character.codePointAt(0)!;
  }

  #test(test: Test): void {
    this.#steps.push({ kind: "test", test });
  }

  /** Its first way is the next step; the second is for the caller to set. */
  #split() {
    const split = {
      kind: "split" as const,
      first: this.#steps.length + 1,
      second: 0,
    };
    this.#steps.push(split);
    return split;
  }

  #repeat(test: Test): void {
    const start = this.#steps.length;
    const split = this.#split();
    this.#test(test);
    this.#steps.push({ kind: "jump", to: start });
    split.second = this.#steps.length;
  }
}

const isAny: Test = () => true;
const isNoSlash: Test = (character) => character !== SLASH;
const isCharacter = (wanted: number): Test => (character) =>
  character === wanted;
