/** What the load generator says in each protocol, as a client. */
import { CHUNKED, HTTP, WEBSOCKET } from "./http_dialogues.ts";
import type { Wire } from "./wire.ts";

export type MailProtocol = "imap" | "pop3" | "submission";
/** HTTP with bodies of a length or chunked, and WebSocket. */
export type HttpProtocol = "http" | "chunked" | "websocket";
export type Protocol = MailProtocol | HttpProtocol;

export function isHttp(protocol: Protocol): protocol is HttpProtocol {
  return protocol === "http" || protocol === "chunked" ||
    protocol === "websocket";
}

export type Direction = "down" | "up";

/** In the order of the rows. */
export const PROTOCOLS: readonly MailProtocol[] = [
  "imap",
  "pop3",
  "submission",
];

/** Each step resolves behind the server's reply, and throws when it is a refusal. */
export interface Dialogue {
  greeting(wire: Wire): Promise<void>;
  /** Up to where TLS begins. */
  startTls(wire: Wire): Promise<void>;
  login(wire: Wire, user: string): Promise<void>;
  logout(wire: Wire): Promise<void>;
  /** A command that says nothing. */
  noop(wire: Wire): Promise<void>;
  /** Transfers of so many bytes; POP3 has none up, submission none down. */
  transfers: Partial<
    Record<Direction, (wire: Wire, bytes: number) => Promise<void>>
  >;
}

/** PLAIN's initial response. */
const plain = (user: string) => btoa(`\0${user}\0secret`);

/** Sends a command with its tag and waits for the tagged OK. */
export async function transact(wire: Wire, command: string): Promise<void> {
  const tag = command.slice(0, command.indexOf(" ") + 1);
  await wire.write(`${command}\r\n`);
  for (;;) {
    const line = await wire.readLine();
    if (line === null) throw new Error(`${tag}: end of stream`);
    if (!line.startsWith(tag)) continue;
    if (line.startsWith(`${tag}OK`)) return;
    throw new Error(line);
  }
}

/** One line that begins so. */
async function expect(wire: Wire, start: string): Promise<void> {
  const line = await wire.readLine();
  if (!line?.startsWith(start)) throw new Error(`not ${start}: ${line}`);
}

const imap: Dialogue = {
  greeting: (wire) => expect(wire, "* OK"),
  startTls: (wire) => transact(wire, "s STARTTLS"),
  login: (wire, user) => transact(wire, `a AUTHENTICATE PLAIN ${plain(user)}`),
  logout: (wire) => transact(wire, "z LOGOUT"),
  noop: (wire) => transact(wire, "n NOOP"),
  transfers: {
    down: async (wire, bytes) => {
      await wire.write(`d SEND ${bytes}\r\n`);
      await wire.skip(bytes);
      await expect(wire, "d OK");
    },
    up: async (wire, bytes) => {
      await wire.write(`d RECV ${bytes}\r\n`);
      await wire.writeFiller(bytes);
      await expect(wire, "d OK");
    },
  },
};

async function pop3Command(wire: Wire, command: string): Promise<void> {
  await wire.write(`${command}\r\n`);
  await expect(wire, "+OK");
}

const pop3: Dialogue = {
  greeting: (wire) => expect(wire, "+OK"),
  startTls: (wire) => pop3Command(wire, "STLS"),
  login: (wire, user) => pop3Command(wire, `AUTH PLAIN ${plain(user)}`),
  logout: (wire) => pop3Command(wire, "QUIT"),
  noop: (wire) => pop3Command(wire, "NOOP"),
  transfers: {
    down: async (wire, bytes) => {
      await pop3Command(wire, `RETR ${bytes}`);
      await wire.skipMessage();
    },
  },
};

/** A reply of any number of lines, with this code. */
async function smtpReply(wire: Wire, code: number): Promise<void> {
  for (;;) {
    const line = await wire.readLine();
    if (!line?.startsWith(`${code}`)) throw new Error(`not ${code}: ${line}`);
    if (line[3] !== "-") return;
  }
}

async function smtpCommand(
  wire: Wire,
  command: string,
  code: number,
): Promise<void> {
  await wire.write(`${command}\r\n`);
  await smtpReply(wire, code);
}

const EHLO = "EHLO client.bench.test";

const submission: Dialogue = {
  greeting: (wire) => smtpReply(wire, 220),
  startTls: async (wire) => {
    await smtpCommand(wire, EHLO, 250);
    await smtpCommand(wire, "STARTTLS", 220);
  },
  login: async (wire, user) => {
    await smtpCommand(wire, EHLO, 250);
    await smtpCommand(wire, `AUTH PLAIN ${plain(user)}`, 235);
  },
  logout: (wire) => smtpCommand(wire, "QUIT", 221),
  noop: (wire) => smtpCommand(wire, "NOOP", 250),
  transfers: {
    up: async (wire, bytes) => {
      await smtpCommand(wire, "MAIL FROM:<user@bench.test>", 250);
      await smtpCommand(wire, "RCPT TO:<other@bench.test>", 250);
      await smtpCommand(wire, "DATA", 354);
      await wire.writeMessage(bytes);
      await smtpReply(wire, 250);
    },
  },
};

export const DIALOGUES: Readonly<Record<Protocol, Dialogue>> = {
  imap,
  pop3,
  submission,
  http: HTTP,
  chunked: CHUNKED,
  websocket: WEBSOCKET,
};
