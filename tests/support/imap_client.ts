/** A scripted IMAP client. */
import { LineClient } from "./line_client.ts";

export interface Reply {
  /** OK, NO, BAD, BYE, or "" when the connection ended first. */
  readonly status: string;
  /** The tagged line after the status. */
  readonly text: string;
  readonly untagged: readonly string[];
}

export class ImapClient extends LineClient {
  #tag = 0;

  /** STARTTLS by the book: command, OK, handshake. */
  async startTls(): Promise<void> {
    const reply = await this.transact("STARTTLS");
    if (reply.status !== "OK") throw new Error(`STARTTLS: ${reply.text}`);
    await this.handshake();
  }

  /** Send one command under a tag of its own and collect the answer. */
  async transact(command: string): Promise<Reply> {
    const tag = this.nextTag();
    await this.send(`${tag} ${command}\r\n`);
    return await this.reply(tag);
  }

  nextTag(): string {
    return `a${++this.#tag}`;
  }

  /** Everything up to the tagged line of `tag`, or the end. */
  async reply(tag: string): Promise<Reply> {
    const untagged: string[] = [];
    for (;;) {
      const line = await this.lineOrEnd();
      if (line === null) return { status: "", text: "", untagged };
      if (line.startsWith(`${tag} `)) {
        const [, status = "", text = ""] = /^\S+ (\S+) ?(.*)$/.exec(line) ?? [];
        return { status, text, untagged };
      }
      untagged.push(line);
    }
  }
}

/** The initial response of AUTHENTICATE PLAIN. */
export function plain(
  authcid: string,
  password: string,
  authzid = "",
): string {
  return new TextEncoder().encode(`${authzid}\0${authcid}\0${password}`)
    .toBase64();
}
