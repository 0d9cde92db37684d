/** The lines of an SMTP client: commands, and answers to the challenges of AUTH. */
import { LineTooLong } from "../../net/line_reader.ts";
import { SASL_DATA_LIMIT } from "../../sasl/exchange.ts";
import { byteText } from "../../sasl/text.ts";
import type { ClientIo } from "../protocol.ts";
import { LINE_LIMIT, parseCommand, type SmtpCommand } from "./wire.ts";

// AUTH, a mechanism of 20 characters and the spaces, besides the data itself (RFC 4954 4).
const AUTH_LINE_LIMIT = SASL_DATA_LIMIT + 40;
const AUTH = /^auth[ \t]/i;

/**
 * Only CR with LF ends a line (RFC 5321 2.3.8). What follows a lone LF belongs to a line that is
 * refused, up to a proper end: another server might have read it as something else (SMTP smuggling).
 */
export class ClientLines {
  #broken = false;

  constructor(private readonly io: Pick<ClientIo, "reader">) {}

  /** The next command; "broken" for a line that is none, null at the end. Throws LineTooLong. */
  async command(): Promise<SmtpCommand | "broken" | null> {
    const line = await this.#next(AUTH_LINE_LIMIT);
    if (line === null || line === "broken") return line;
    if (line.length > LINE_LIMIT && !startsAuth(line)) {
      throw new LineTooLong(LINE_LIMIT);
    }
    return parseCommand(line) ?? "broken";
  }

  /** The answer to a challenge, as malformed as it came; null at the end. Throws LineTooLong. */
  async answer(): Promise<string | null> {
    const line = await this.#next(SASL_DATA_LIMIT);
    if (line === null) return null;
    return line === "broken" ? "\n" : byteText(line);
  }

  async #next(limit: number): Promise<Uint8Array | "broken" | null> {
    const line = await this.io.reader.readLine(limit);
    if (line === null) return null;
    const refused = line.bare || this.#broken;
    this.#broken = line.bare;
    return refused ? "broken" : line.bytes;
  }
}

function startsAuth(line: Uint8Array): boolean {
  return AUTH.test(byteText(line.subarray(0, 5)));
}
