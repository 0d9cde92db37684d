/** Field lines (RFC 9112 5), one character for each octet. */
import { HttpFault } from "./fault.ts";
import { tokenEnd, withoutSpace } from "./octets.ts";

const COLON = 58;
const NONE: readonly string[] = [];

export interface Field {
  /** As it came. */
  readonly name: string;
  /** Without the white space around it. */
  readonly value: string;
}

/** The fields of a head, in their order. Names are asked for in lower case. */
export class Fields {
  constructor(readonly lines: readonly Field[]) {}

  all(name: string): readonly string[] {
    let values: string[] | undefined;
    for (const field of this.lines) {
      if (isNamed(field, name)) (values ??= []).push(field.value);
    }
    return values ?? NONE;
  }

  first(name: string): string | undefined {
    for (const field of this.lines) {
      if (isNamed(field, name)) return field.value;
    }
    return undefined;
  }

  has(name: string): boolean {
    return this.first(name) !== undefined;
  }

  /** The elements of a list over all its lines (RFC 9110 5.6.1), in lower case, without empty ones. */
  tokens(name: string): readonly string[] {
    const values = this.all(name);
    return values.length === 0 ? NONE : elements(values.join(",").toLowerCase())
      .filter((element) => element !== "");
  }
}

function isNamed(field: Field, name: string): boolean {
  return field.name.length === name.length &&
    field.name.toLowerCase() === name;
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
  }
  return new Fields(lines);
}
