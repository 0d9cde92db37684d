/**
 * The XCLIENT command (Postfix's XCLIENT_README; Dovecot has it for submission, POP3 and
 * ManageSieve too): how a backend that trusts this host is told who the client is.
 */
import { encodeUtf8 } from "../sasl/text.ts";
import type { ClaimedClient, ForwardedClient } from "./protocol.ts";

/** RFC 5321 4.5.3.1.4, the line end included; Postfix splits no other way. */
const COMMAND_OCTETS = 512;
const COMMAND = "XCLIENT";

/** What Dovecot's login processes for POP3 and ManageSieve take, without listing it. */
export const LOGIN_ATTRIBUTES: ReadonlySet<string> = new Set([
  "ADDR",
  "PORT",
  "DESTADDR",
  "DESTPORT",
  "SESSION",
  "TTL",
  "CLIENT-TRANSPORT",
]);

/**
 * The commands that forward a client, without line ends, none longer than 512 octets with one. Only
 * attributes in `offered` (upper-case names, as the backend listed them) are sent; an empty list means
 * that there is nothing to send. LOGIN is never among them: who the user is, the backend finds out.
 */
export function xclientCommands(
  forwarded: ForwardedClient,
  offered: ReadonlySet<string>,
  address: (address: string) => string = tagged,
): readonly string[] {
  const { hello } = forwarded;
  const all: readonly (readonly [string, string | null])[] = [
    ["ADDR", address(forwarded.client.hostname)],
    ["PORT", String(forwarded.client.port)],
    ["DESTADDR", address(forwarded.local.hostname)],
    ["DESTPORT", String(forwarded.local.port)],
    ["SESSION", forwarded.sessionId],
    ["TTL", String(forwarded.ttl)],
    ...hello
      ? [
        ["HELO", hello.name],
        ["PROTO", hello.extended ? "ESMTP" : "SMTP"],
      ] as const
      : [["CLIENT-TRANSPORT", forwarded.secure ? "TLS" : "insecure"]] as const,
  ];
  return fold(
    all.filter(([name]) => offered.has(name)).flatMap(([name, value]) =>
      value ? [`${name}=${xtext(value)}`] : []
    ),
  );
}

/**
 * Forward a client in POP3 or ManageSieve. `send` carries out one command and gives back the backend's
 * words when it refuses; those of the last try are the result, null when the client is forwarded.
 */
export async function forwardBeforeLogin(
  forwarded: ForwardedClient,
  offered: ReadonlySet<string>,
  send: (command: string) => Promise<string | null>,
): Promise<string | null> {
  let refused: string | null = null;
  // Dovecot's login processes know an IPv6 address only without the tag, "Invalid parameters" with it.
  const six = [forwarded.client, forwarded.local].some(({ hostname }) =>
    hostname.includes(":")
  );
  for (const form of six ? [tagged, bare] : [tagged]) {
    refused = null;
    for (const command of xclientCommands(forwarded, offered, form)) {
      refused ??= await send(command);
    }
    if (refused === null) break;
  }
  return refused;
}

/**
 * What a trusted peer's XCLIENT says, from its `NAME=value` words. Names that are not known are passed
 * over, as Dovecot does, and so are values in brackets, by which Postfix says that it knows none.
 * Null where a word has another form.
 */
export function readXclient(words: readonly string[]): ClaimedClient | null {
  const given = new Map<string, string>();
  for (const word of words) {
    const [, name = "", encoded = ""] = /^([A-Za-z-]+)=(.*)$/.exec(word) ?? [];
    const value = fromXtext(encoded);
    if (name === "" || value === null) return null;
    if (!/^\[.*\]$/.test(value)) given.set(name.toUpperCase(), value);
  }
  const address = given.get("ADDR")?.replace(/^IPV6:/i, "");
  const port = wholeNumber(given.get("PORT"));
  const ttl = wholeNumber(given.get("TTL"));
  const sessionId = given.get("SESSION");
  return {
    ...address === undefined ? {} : { address },
    ...port === undefined ? {} : { port },
    ...ttl === undefined ? {} : { ttl },
    ...sessionId === undefined ? {} : { sessionId },
  };
}

function wholeNumber(text = ""): number | undefined {
  return /^\d{1,10}$/.test(text) ? Number(text) : undefined;
}

/** Null when it is none, or stands for what is no printable text of one line. */
function fromXtext(text: string): string | null {
  if (!/^(?:[!-*,-<>-~]|\+[0-9A-F]{2})*$/.test(text)) return null;
  const plain = text.replaceAll(
    /\+([0-9A-F]{2})/g,
    (_, hex: string) => String.fromCharCode(parseInt(hex, 16)),
  );
  return /^[\x20-\x7e]*$/.test(plain) ? plain : null;
}

/** RFC 3461 4: xtext. Everything but printable ASCII goes as hexchars of its UTF-8. */
export function xtext(text: string): string {
  let encoded = "";
  for (const byte of encodeUtf8(text)) {
    const plain = byte > 0x20 && byte < 0x7f && byte !== 0x2b && byte !== 0x3d;
    encoded += plain
      ? String.fromCharCode(byte)
      : `+${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return encoded;
}

/** RFC 5321 4.1.3: an IPv6 address is told from a name by its tag. */
function tagged(address: string): string {
  return address.includes(":") ? `IPV6:${address}` : address;
}

function bare(address: string): string {
  return address;
}

function fold(attributes: readonly string[]): readonly string[] {
  const commands: string[] = [];
  let command = COMMAND;
  for (const attribute of attributes) {
    if (COMMAND.length + attribute.length + 3 > COMMAND_OCTETS) continue;
    if (command.length + attribute.length + 3 > COMMAND_OCTETS) {
      commands.push(command);
      command = COMMAND;
    }
    command += ` ${attribute}`;
  }
  return command === COMMAND ? commands : [...commands, command];
}
