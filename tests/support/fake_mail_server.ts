/** A small SMTP or LMTP server in this process: enough of a dialogue for one message. */
import { readProxyHeader, type SeenProxyHeader } from "./proxy_header.ts";
import type { Certificate } from "./certs.ts";
import { FakeServer } from "./fake_server.ts";
import { closeQuietly, Wire } from "./wire.ts";

export interface SeenMail {
  proxy?: SeenProxyHeader;
  readonly commands: string[];
  message: string;
}

export interface MailServerOptions {
  readonly protocol: "smtp" | "lmtp";
  /** Expect a PROXY v2 header on every connection. */
  readonly proxy?: boolean;
  /** TLS from the first byte, with this certificate. */
  readonly certificate?: Certificate;
  /** Accept connections and say nothing. */
  readonly isSilent?: boolean;
}

export class FakeMailServer extends FakeServer {
  readonly sessions: SeenMail[] = [];

  constructor(readonly options: MailServerOptions) {
    super(options);
  }

  /** The connection that came last. */
  get last(): SeenMail {
    return this.sessions.at(-1)!;
  }

  protected async serve(conn: Deno.Conn): Promise<void> {
    const seen: SeenMail = { commands: [], message: "" };
    this.sessions.push(seen);
    let wire = new Wire(conn);
    let splice: Promise<void> = Promise.resolve();
    try {
      if (this.options.proxy) seen.proxy = await readProxyHeader(wire);
      const { endpoint } = this;
      if (endpoint) {
        const upgraded = await endpoint.upgrade(wire);
        wire = new Wire(upgraded.conn);
        splice = upgraded.splice;
      }
      if (this.options.isSilent) await wire.drain();
      else await this.#dialogue(wire, seen);
    } catch {
      // The other side left: what was said is in `seen`.
    } finally {
      wire.close();
      // The last TLS records are still on their way to the raw connection.
      await splice;
      closeQuietly(conn);
    }
  }

  async #dialogue(wire: Wire, seen: SeenMail): Promise<void> {
    const { protocol } = this.options;
    await wire.send(`220 backend.test ${protocol.toUpperCase()}\r\n`);
    let recipients = 0;
    for (;;) {
      const line = await wire.readLine();
      if (line === null) return;
      seen.commands.push(line);
      switch (line.split(/[ :]/)[0]!.toUpperCase()) {
        case "EHLO":
        case "LHLO":
          await wire.send("250-backend.test\r\n250 8BITMIME\r\n");
          break;
        case "RCPT":
          recipients++;
          await wire.send("250 2.1.5 OK\r\n");
          break;
        case "DATA":
          await wire.send("354 go on\r\n");
          seen.message = await readMessage(wire);
          await wire.send(
            "250 2.0.0 kept\r\n".repeat(protocol === "lmtp" ? recipients : 1),
          );
          break;
        case "QUIT":
          return await wire.send("221 2.0.0 bye\r\n");
        default:
          await wire.send("250 2.0.0 OK\r\n");
      }
    }
  }
}

async function readMessage(wire: Wire): Promise<string> {
  const lines: string[] = [];
  for (;;) {
    const line = await wire.readLine();
    if (line === null || line === ".") return lines.join("\r\n");
    lines.push(line);
  }
}
