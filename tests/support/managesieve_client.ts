/** A scripted ManageSieve client. */
import { plain } from "./imap_client.ts";
import { LineClient } from "./line_client.ts";
import type { Target } from "./wire_client.ts";
import { PASSWORD } from "./proxy_config.ts";

export interface Answer {
  /** OK, NO, BYE, or "" when the connection ended first. */
  readonly status: string;
  /** What follows the status in its line. */
  readonly text: string;
  /** The lines before it. */
  readonly data: readonly string[];
}

export class ManageSieveClient extends LineClient {
  /** As announced last. */
  capabilities: readonly string[] = [];

  /** Connect, read the greeting and upgrade by the book. */
  static async upgraded(
    target: Target,
    ca: string,
  ): Promise<ManageSieveClient> {
    const client = await ManageSieveClient.plain(target, ca);
    try {
      await client.startTls();
      return client;
    } catch (error) {
      client.close();
      throw error;
    }
  }

  protected override async greeted(): Promise<this> {
    try {
      this.capabilities = (await this.answer()).data;
    } catch (error) {
      this.close();
      throw error;
    }
    return this;
  }

  /** STARTTLS, the handshake, and the capabilities that come behind it. */
  async startTls(): Promise<void> {
    const { status, text } = await this.transact("STARTTLS");
    if (status !== "OK") throw new Error(`STARTTLS: ${text}`);
    await this.handshake();
    await this.greeted();
  }

  logIn(user: string, password = PASSWORD): Promise<Answer> {
    return this.transact(`AUTHENTICATE "PLAIN" "${plain(user, password)}"`);
  }

  async transact(command: string): Promise<Answer> {
    await this.send(`${command}\r\n`);
    return await this.answer();
  }

  /** Everything up to the next OK, NO or BYE. */
  async answer(): Promise<Answer> {
    const data: string[] = [];
    for (;;) {
      const line = await this.lineOrEnd();
      if (line === null) return { status: "", text: "", data };
      const end = /^(OK|NO|BYE)(?: (.*))?$/.exec(line);
      if (end) return { status: end[1]!, text: end[2] ?? "", data };
      data.push(line);
    }
  }
}
