/** Commands and replies of SMTP (RFC 5321 section 4) as octets and text. */
import { isAddress } from "../../net/address.ts";

/**
 * A command line, line end not counted: far over RFC 5321 4.5.3.1.4, which is what a server must
 * take at least (spec section 3).
 */
export const LINE_LIMIT = 8 * 1024;
/** RFC 5321 4.5.3.1.4: what any server takes, the line end included. */
export const COMMAND_OCTETS = 512;

const decoder = new TextDecoder();

/** RFC 5321 4.2: what a reply's code says, with all of its lines, without line ends. */
export interface Reply {
  readonly code: number;
  /** As they came, code included. */
  readonly lines: readonly string[];
}

/** One line of a reply. `last` ends it. */
export interface ReplyLine {
  readonly code: number;
  readonly last: boolean;
  readonly text: string;
}

/** RFC 5321 4.2 and 4.2.1; a code alone is a whole line too. Null for what is no reply. */
export function parseReplyLine(line: string): ReplyLine | null {
  const match = /^([2-5][0-9]{2})(?:([ -])(.*))?$/s.exec(line);
  if (match === null) return null;
  return {
    code: Number(match[1]),
    last: match[2] !== "-",
    text: match[3] ?? "",
  };
}

/** A reply of several lines (RFC 5321 4.2.1), with its line ends. `lines` has at least one. */
export function formatReply(code: number, lines: readonly string[]): string {
  return lines.map((line, index) =>
    `${code}${index < lines.length - 1 ? "-" : " "}${line}\r\n`
  ).join("");
}

/** RFC 5321 4.1.1: a verb in upper case and what follows it. */
export interface SmtpCommand {
  readonly verb: string;
  /** Without the white space around it, "" when there is none. */
  readonly argument: string;
}

/**
 * The command in a line without its end; null when the line has octets that no command may hold.
 * Another server might take a lone CR or NUL for the end of a line (SMTP smuggling).
 */
export function parseCommand(line: Uint8Array): SmtpCommand | null {
  // RFC 6531 3.7.1: arguments may be UTF-8; what is not, is replaced and meets no rule.
  const text = decoder.decode(line);
  // deno-lint-ignore no-control-regex
  if (/[\0-\x08\x0a-\x1f\x7f]/.test(text)) return null;
  const [, verb = "", argument = ""] = /^([^ \t]*)(.*)$/s.exec(text) ?? [];
  return { verb: verb.toUpperCase(), argument: argument.trim() };
}

/** A host as a reply or EHLO names it: an address only as a literal (RFC 5321 4.1.3). */
export function domainOf(host: string): string {
  if (!isAddress(host)) return host;
  return host.includes(":") ? `[IPv6:${host}]` : `[${host}]`;
}

/**
 * A client's name as it goes into the proxy's own EHLO towards a backend (RFC 5321 4.5.3.1.2). Old
 * clients send names that are none: they are served, and null, since nothing of it is repeated.
 */
export function forwardableName(hello: string): string | null {
  return /^[\x21-\x7e]{1,255}$/.test(hello) ? hello : null;
}

/** What a server said of itself: keywords and their parameters, all in upper case (RFC 5321 4.1.1.1). */
export type EhloKeywords = ReadonlyMap<string, readonly string[]>;

/** `lines` are those of the whole reply to EHLO. */
export function parseEhlo(lines: readonly string[]): EhloKeywords {
  const keywords = new Map<string, readonly string[]>();
  // The first line is the server's name and greeting.
  for (const line of lines.slice(1)) {
    const text = parseReplyLine(line)?.text.toUpperCase() ?? "";
    // `AUTH=LOGIN` is how servers said it before RFC 2554, and some say both.
    const [keyword = "", ...parameters] = text.replace(/^AUTH=/, "AUTH ")
      .split(" ").filter((word) => word !== "");
    if (keyword === "") continue;
    const known = keywords.get(keyword) ?? [];
    keywords.set(keyword, [...known, ...parameters]);
  }
  return keywords;
}
