/** A scripted SMTP client. */
import { LineClient } from "./line_client.ts";

export class SmtpClient extends LineClient {
  /** Send one command and collect the lines of its reply. */
  async transact(command: string): Promise<string[]> {
    await this.send(`${command}\r\n`);
    return await this.reply();
  }

  /** The lines of one reply; none when the connection ended. */
  async reply(): Promise<string[]> {
    const lines: string[] = [];
    for (;;) {
      const line = await this.lineOrEnd();
      if (line === null) return lines;
      lines.push(line);
      if (line[3] !== "-") return lines;
    }
  }

  /** EHLO and AUTH PLAIN; the reply to the latter. */
  async logIn(user: string, password: string): Promise<string[]> {
    await this.transact("EHLO client.test");
    return await this.transact(`AUTH PLAIN ${plain(user, password)}`);
  }

  /** STARTTLS by the book: command, 220, handshake. */
  async startTls(): Promise<void> {
    const [line = ""] = await this.transact("STARTTLS");
    if (!line.startsWith("220 ")) throw new Error(`STARTTLS: ${line}`);
    await this.handshake();
  }
}

/** The initial response of AUTH PLAIN. */
export function plain(user: string, password: string): string {
  return new TextEncoder().encode(`\0${user}\0${password}`).toBase64();
}
