/** MAIL and RCPT: addresses and parameters (RFC 5321 4.1.2). */

/** Far over RFC 5321 4.5.3.1.3; `SMTPUTF8` counts in octets and has the same bound in characters. */
const PATH_LIMIT = 1000;

// RFC 5321 4.1.2: a quoted string may hold what would end the path elsewhere.
const PATH = /^<((?:"(?:[^"\\]|\\.)*"|[^<>"\s\\])*)>(?:[ \t]+(.*))?$/;
const PARAMETER = /^([A-Za-z0-9][A-Za-z0-9-]*)(?:=([!-<>-~\u0080-\uffff]+))?$/;

/** A path and its parameters, as they came. */
export interface Envelope {
  /** Without angle brackets; "" for the null path. */
  readonly path: string;
  /** Values by upper-case name; null where there is none. */
  readonly parameters: ReadonlyMap<string, string | null>;
}

/** The argument of MAIL ("FROM") or RCPT ("TO"), null when it is malformed. */
export function parseEnvelope(
  argument: string,
  word: "FROM" | "TO",
): Envelope | null {
  const colon = argument.indexOf(":");
  if (argument.slice(0, colon).toUpperCase() !== word) return null;
  // RFC 5321 3.3: no space follows the colon, and enough clients write one.
  const match = PATH.exec(argument.slice(colon + 1).trimStart());
  if (match === null) return null;
  const [, path = "", rest = ""] = match;
  // U+FFFD stands for octets that are no UTF-8.
  if (path.length > PATH_LIMIT || argument.includes("\ufffd")) return null;
  const parameters = new Map<string, string | null>();
  for (const text of rest.split(/[ \t]+/)) {
    if (text === "") continue;
    const [, name, value] = PARAMETER.exec(text) ?? [];
    if (name === undefined || parameters.has(name.toUpperCase())) return null;
    parameters.set(name.toUpperCase(), value ?? null);
  }
  return { path, parameters };
}

/** The keyword that a parameter belongs to (RFC 1870, 6152, 6531, 3461). */
const KEYWORDS: Readonly<
  Record<"MAIL" | "RCPT", Readonly<Record<string, string>>>
> = {
  MAIL: {
    SIZE: "SIZE",
    BODY: "8BITMIME",
    SMTPUTF8: "SMTPUTF8",
    RET: "DSN",
    ENVID: "DSN",
  },
  RCPT: { NOTIFY: "DSN", ORCPT: "DSN" },
};

/** Whether all parameters are of keywords that were offered, with values that have a meaning. */
export function understands(
  verb: "MAIL" | "RCPT",
  { parameters }: Envelope,
  offered: ReadonlySet<string>,
): boolean {
  return [...parameters].every(([name, value]) => {
    if (!Object.hasOwn(KEYWORDS[verb], name)) return false;
    if (!offered.has(KEYWORDS[verb][name]!)) return false;
    if (name === "SMTPUTF8") return value === null;
    if (name === "SIZE") return /^[0-9]{1,20}$/.test(value ?? "");
    if (name === "BODY") return /^(7BIT|8BITMIME)$/i.test(value ?? "");
    return value !== null;
  });
}

/** What stands against handing a message to a server; null for nothing. */
export function missingAt(
  { path, parameters }: Envelope,
  offered: ReadonlySet<string>,
): "8BITMIME" | "SMTPUTF8" | null {
  const international = parameters.has("SMTPUTF8") || !isAscii(path);
  if (international && !offered.has("SMTPUTF8")) return "SMTPUTF8";
  const eight = /^8BITMIME$/i.test(parameters.get("BODY") ?? "");
  return eight && !offered.has("8BITMIME") ? "8BITMIME" : null;
}

/** The command for a server with these keywords, without line end; other parameters are left out. */
export function envelopeCommand(
  verb: "MAIL" | "RCPT",
  { path, parameters }: Envelope,
  offered: ReadonlySet<string>,
): string {
  const words = [...parameters]
    .filter(([name]) => offered.has(KEYWORDS[verb][name] ?? ""))
    .map(([name, value]) => value === null ? ` ${name}` : ` ${name}=${value}`);
  return `${verb} ${verb === "MAIL" ? "FROM" : "TO"}:<${path}>${
    words.join("")
  }`;
}

export function isAscii(text: string): boolean {
  return !/[^\0-\x7f]/.test(text);
}

/**
 * The mailbox in a path as an account is known: a source route says nothing any more (RFC 5321 4.1.2
 * and appendix C), and quotes that need not be there are none (4.1.2).
 */
export function mailboxOf(path: string): string {
  return path.replace(/^@[^:"]*:/, "").replace(
    /^"((?:[^"\\]|\\.)*)"(?=@|$)/,
    (_, quoted: string) => quoted.replaceAll(/\\(.)/g, "$1"),
  );
}

/** The mailbox with its domain in lower case: letter case says something in the local part alone (RFC 5321 2.4). */
export function withLowerDomain(mailbox: string): string {
  const at = mailbox.lastIndexOf("@");
  return at < 0
    ? mailbox
    : mailbox.slice(0, at) + mailbox.slice(at).toLowerCase();
}

/** The mailbox without what follows the delimiter in its local part; null where there is none. */
export function withoutDetail(
  mailbox: string,
  delimiter: string,
): string | null {
  if (delimiter === "") return null;
  const at = mailbox.lastIndexOf("@");
  const local = at < 0 ? mailbox : mailbox.slice(0, at);
  const cut = local.indexOf(delimiter);
  return cut <= 0 ? null : local.slice(0, cut) + mailbox.slice(local.length);
}
