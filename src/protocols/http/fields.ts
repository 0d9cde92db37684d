/** Field lines (RFC 9112 5), one character for each octet. */
import { HttpFault } from "./fault.ts";
import { type FieldKind, kindOf } from "./hop_fields.ts";
import { tokenEnd, withoutSpace } from "./octets.ts";

const COLON = 58;
const SPACE = 32;
const NONE: readonly string[] = [];

export interface Field {
  /** As it came. */
  readonly name: string;
  /** Without the white space around it. */
  readonly value: string;
}

/** The fields of a head, in their order. Names are asked for in lower case. */
export class Fields {
  /** What there is to know of each of `lines` by its name. */
  readonly kinds: readonly FieldKind[];
  #connection: readonly string[] | null = null;

  /** `text` has them as they came, each line from its place in `starts`; the last place is their end. */
  constructor(
    readonly lines: readonly Field[],
    private readonly text = "",
    private readonly starts: readonly number[] = [],
  ) {
    this.kinds = lines.map(({ name }) => kindOf(name));
  }

  /** What Connection lists, as `tokens` gives it. */
  get connection(): readonly string[] {
    return this.#connection ??= this.tokens("connection");
  }

  /** Where line `i` begins in what it came in, if it came as `name: value` and nothing more; else -1. */
  plainStart(i: number): number {
    const { name, value } = this.lines[i]!;
    const start = this.starts[i]!;
    return this.starts[i + 1]! - start === name.length + value.length + 4 &&
        this.text.charCodeAt(start + name.length + 1) === SPACE
      ? start
      : -1;
  }

  /** Lines as they came, from the place where one begins, up to but without line `end`. */
  asCame(start: number, end: number): string {
    return this.text.slice(start, this.starts[end]);
  }

  all(name: string): readonly string[] {
    let values: string[] | undefined;
    for (let i = 0; i < this.kinds.length; i++) {
      if (this.kinds[i]!.lower !== name) continue;
      (values ??= []).push(this.lines[i]!.value);
    }
    return values ?? NONE;
  }

  first(name: string): string | undefined {
    const at = this.kinds.findIndex(({ lower }) => lower === name);
    return this.lines[at]?.value;
  }

  has(name: string): boolean {
    return this.kinds.some(({ lower }) => lower === name);
  }

  /** The elements of a list over all its lines (RFC 9110 5.6.1), in lower case, without empty ones. */
  tokens(name: string): readonly string[] {
    const values = this.all(name);
    if (values.length === 0) return NONE;
    const list = values.join(",").toLowerCase();
    if (list !== "" && !list.includes(",")) return [list];
    return elements(list).filter((element) => element !== "");
  }
}

/** What stands between the commas, without white space around it, empty ones included. */
export function elements(list: string): string[] {
  return list.split(",").map((part) => withoutSpace(part, 0, part.length));
}

/**
 * The field lines of `text` from `at` to the empty line that ends it (`sectionText`). Throws HttpFault
 * with `status`: a folded line, a name that is none, white space in front of the colon, an empty line
 * before the end (RFC 9112 5.1, 5.2).
 */
export function parseFields(text: string, at: number, status: number): Fields {
  const lines: Field[] = [];
  const starts = [at];
  const last = text.length - 2;
  while (at < last) {
    const end = text.indexOf("\r\n", at);
    const colon = tokenEnd(text, at);
    if (colon === at || text.charCodeAt(colon) !== COLON) {
      throw new HttpFault(status, "a line of the head is not a field");
    }
    lines.push({
      name: text.slice(at, colon),
      value: withoutSpace(text, colon + 1, end),
    });
    at = end + 2;
    starts.push(at);
  }
  return new Fields(lines, text, starts);
}
