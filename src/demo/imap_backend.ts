/** A small IMAP server over TLS with one account and one message: a backend to demonstrate with. */
import { writeAll } from "../net/byte_stream.ts";
import { close } from "../net/bridge.ts";
import { LineReader } from "../net/line_reader.ts";
import { type Bound, listenTls } from "../net/listen.ts";
import type { CertificateSnapshot, SocketAddress } from "../port/snapshot.ts";
import { decodeBase64 } from "../sasl/base64.ts";
import { decodePlain } from "../sasl/plain.ts";
import { Mailbox, namesTheMessage, NotServed } from "./mailbox.ts";

export interface BackendAccount {
  readonly user: string;
  readonly password: string;
  readonly mailbox: Mailbox;
}

const LINE_LIMIT = 8192;
const CAPABILITY = "IMAP4rev1 SASL-IR AUTH=PLAIN IDLE";
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** The client said goodbye or went away. */
class Over extends Error {}

export class ImapBackend {
  readonly #bound: Bound;
  readonly #open = new Set<Deno.TlsConn>();

  /** Throws what the bind throws. */
  constructor(
    readonly name: string,
    readonly account: BackendAccount,
    address: SocketAddress,
    certificate: CertificateSnapshot,
  ) {
    this.#bound = listenTls(address, false, certificate, (connection) => {
      this.#open.add(connection);
      void new Dialogue(this, connection).run().finally(() =>
        this.#open.delete(connection)
      );
    });
  }

  get address(): SocketAddress {
    return this.#bound.address;
  }

  /** Stops listening and ends every connection. */
  close(): void {
    this.#bound.close();
    for (const connection of this.#open) close(connection);
  }
}

class Dialogue {
  readonly #reader: LineReader;
  #loggedIn = false;
  #selected = false;

  constructor(
    private readonly backend: ImapBackend,
    private readonly connection: Deno.TlsConn,
  ) {
    this.#reader = new LineReader(connection);
  }

  /** Never rejects: whatever ends the dialogue is the client's affair. */
  async run(): Promise<void> {
    try {
      await this.#send(
        `* OK [CAPABILITY ${CAPABILITY}] ${this.backend.name} ready`,
      );
      for (;;) await this.#command();
    } catch {
      close(this.connection);
    }
  }

  async #command(): Promise<void> {
    const line = await this.#readLine();
    const [, tag = "*", verb = "", rest = ""] =
      /^(\S+) +((?:UID +)?\S+) ?(.*)$/i.exec(line) ?? [];
    try {
      await this.#answer(tag, verb.toUpperCase().replace(/ +/, " "), rest);
    } catch (error) {
      if (!(error instanceof NotServed)) throw error;
      await this.#send(`${tag} BAD ${error.message}`);
    }
  }

  async #answer(tag: string, verb: string, rest: string): Promise<void> {
    const done = (...untagged: string[]) =>
      this.#send(
        ...untagged.map((line) => `* ${line}`),
        `${tag} OK ${verb} done`,
      );
    switch (verb) {
      case "CAPABILITY":
        return await done(`CAPABILITY ${CAPABILITY}`);
      case "NOOP":
        return await done();
      case "LOGOUT":
        await done("BYE see you");
        throw new Over();
    }
    if (!this.#loggedIn) return await this.#login(tag, verb, rest);
    switch (verb) {
      case "LIST":
        return await done(...this.#list(rest));
      case "STATUS": {
        const [, name = "", items = ""] = /^(\S+) \((.*)\)$/.exec(rest) ?? [];
        this.#mustBeInbox(name);
        const values = this.backend.account.mailbox.status(items);
        return await done(`STATUS INBOX (${values})`);
      }
      case "SELECT":
      case "EXAMINE":
        return await this.#select(tag, verb, rest);
      case "IDLE":
        return await this.#idle(tag);
    }
    if (!this.#selected) throw new NotServed(`${verb} is not served now`);
    switch (verb) {
      case "CLOSE":
      case "UNSELECT":
        this.#selected = false;
        return await done();
      case "CHECK":
        return await done();
      case "SEARCH":
      case "UID SEARCH":
        return await done(/\bUNSEEN\b/i.test(rest) ? "SEARCH" : "SEARCH 1");
      case "FETCH":
      case "UID FETCH":
        return await this.#fetch(tag, verb, rest);
    }
    throw new NotServed(`${verb} is not served`);
  }

  async #login(tag: string, verb: string, rest: string): Promise<void> {
    let given: readonly [user: string, password: string] | null;
    if (verb === "LOGIN") {
      given = loginArguments(rest);
    } else if (verb === "AUTHENTICATE") {
      given = await this.#plain(rest);
    } else throw new NotServed(`log in before ${verb}`);
    const { user, password } = this.backend.account;
    if (given?.[0] !== user || given[1] !== password) {
      return await this.#send(
        `${tag} NO [AUTHENTICATIONFAILED] wrong user name or password`,
      );
    }
    this.#loggedIn = true;
    await this.#send(
      `${tag} OK [CAPABILITY ${CAPABILITY}] logged in to ${this.backend.name}`,
    );
  }

  async #plain(rest: string): Promise<readonly [string, string] | null> {
    const [mechanism, initial] = rest.split(" ");
    if (mechanism?.toUpperCase() !== "PLAIN") return null;
    if (initial === undefined) await this.#send("+ ");
    const response = initial ?? await this.#readLine();
    const message = decodeBase64(response);
    const credentials = message && decodePlain(message);
    return credentials && [credentials.authcid, credentials.password.reveal()];
  }

  /** RFC 9051 6.3.9, for a server whose only mailbox is INBOX. */
  #list(rest: string): string[] {
    const pattern = /(\S+)$/.exec(rest)?.[1]?.replaceAll('"', "") ?? "";
    if (pattern === "") return ['LIST (\\Noselect) "/" ""'];
    const found = /^(?:\*|%|INBOX)$/i.test(pattern);
    return found ? ['LIST (\\HasNoChildren) "/" INBOX'] : [];
  }

  async #select(tag: string, verb: string, name: string): Promise<void> {
    this.#selected = false;
    this.#mustBeInbox(name);
    this.#selected = true;
    await this.#send(
      "* 1 EXISTS",
      "* 0 RECENT",
      "* FLAGS (\\Seen)",
      "* OK [PERMANENTFLAGS ()] nothing can be changed",
      "* OK [UIDVALIDITY 1] UIDs valid",
      "* OK [UIDNEXT 2] next UID",
      // Nothing can be changed, but some clients refuse a SELECT that says so here.
      `${tag} OK [${
        verb === "SELECT" ? "READ-WRITE" : "READ-ONLY"
      }] ${verb} done`,
    );
  }

  async #fetch(tag: string, verb: string, rest: string): Promise<void> {
    const [, set = "", items = ""] = /^(\S+) (.+)$/.exec(rest) ?? [];
    if (namesTheMessage(set)) {
      const { mailbox } = this.backend.account;
      await writeAll(
        this.connection,
        mailbox.fetch(items, verb === "UID FETCH"),
      );
    }
    await this.#send(`${tag} OK ${verb} done`);
  }

  async #idle(tag: string): Promise<void> {
    await this.#send("+ idling");
    const end = await this.#readLine();
    if (end.toUpperCase() !== "DONE") throw new NotServed("DONE ends IDLE");
    await this.#send(`${tag} OK IDLE done`);
  }

  #mustBeInbox(name: string): void {
    if (!/^"?INBOX"?$/i.test(name)) throw new NotServed("there is only INBOX");
  }

  async #readLine(): Promise<string> {
    const line = await this.#reader.readLine(LINE_LIMIT);
    if (line === null) throw new Over();
    return decoder.decode(line.bytes);
  }

  #send(...lines: readonly string[]): Promise<void> {
    return writeAll(
      this.connection,
      encoder.encode(lines.map((line) => `${line}\r\n`).join("")),
    );
  }
}

/** Two atoms or quoted strings. */
function loginArguments(rest: string): readonly [string, string] | null {
  const words = [...rest.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)].map((match) =>
    match[2] ?? match[1]!.replaceAll(/\\(.)/g, "$1")
  );
  return words.length === 2 ? [words[0]!, words[1]!] : null;
}
