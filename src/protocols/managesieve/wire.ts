/** The grammar of ManageSieve (RFC 5804 section 4) that both sides of the proxy need. */
import { encodeUtf8 } from "../../sasl/text.ts";
import { quoted } from "../literal.ts";

/** RFC 5804 1.4: a quoted string has at most 1,024 octets. */
const QUOTED_OCTETS = 1024;
// Stands for a literal in the text of a line; no line has a NUL of its own in any other place.
const LITERAL_MARK = "\0";
// RFC 5804 4: quoted, a literal's place, or what IMAP calls an atom.
const TOKEN =
  /"((?:[^"\\\0\r\n]|\\["\\])*)"|(\0)|([!#$&'+\-.\/0-9:;<=>?@A-Z[\]^_`a-z|}~]+)/y;

/** An argument or a word of an answer. */
export interface Token {
  readonly kind: "string" | "atom";
  readonly text: string;
}

/** A command or answer whose literals have been read: lines and literals take turns. */
export interface Pieces {
  /** One more than literals, without the announcements. */
  readonly lines: readonly string[];
  readonly literals: readonly string[];
}

/** The tokens, separated by one space each; null when the grammar is broken. */
export function tokens({ lines, literals }: Pieces): readonly Token[] | null {
  if (lines.some((line) => line.includes(LITERAL_MARK))) return null;
  const text = lines.join(LITERAL_MARK);
  const found: Token[] = [];
  let used = 0;
  for (let at = 0; at < text.length || found.length === 0; at++) {
    TOKEN.lastIndex = at;
    const match = TOKEN.exec(text);
    if (match === null) return null;
    const [whole, inQuotes, mark, atom] = match;
    if (atom !== undefined) found.push({ kind: "atom", text: atom });
    else {
      const string = mark === undefined
        ? inQuotes?.replaceAll(/\\(["\\])/g, "$1")
        : literals[used++];
      found.push({ kind: "string", text: string ?? "" });
    }
    at += whole.length;
    if (at === text.length) return found;
    if (text[at] !== " ") return null;
  }
  return null;
}

/**
 * A string to send, quoted where that may be. RFC 5804 4: the literals of a client have a plus and
 * those of a server none.
 */
export function encodeString(text: string, from: "client" | "server"): string {
  const { length } = encodeUtf8(text);
  return length <= QUOTED_OCTETS && !/[\0\r\n]/.test(text)
    ? quoted(text)
    : encodeLiteral(text, from);
}

/** The same as a literal in any case. */
export function encodeLiteral(text: string, from: "client" | "server"): string {
  const { length } = encodeUtf8(text);
  return `{${length}${from === "client" ? "+" : ""}}\r\n${text}`;
}
