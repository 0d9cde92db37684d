/** A backend's replies before and during its login (RFC 5321 4.2). */
import { BackendLines, lineText } from "../backend_lines.ts";
import { parseReplyLine, type Reply } from "./wire.ts";

/** RFC 5321 3.8: the server closes the connection, whatever it was asked. */
const CLOSING = 421;

/** The replies of one stage. */
export class ReplyReader extends BackendLines {
  /** The next reply, of one line or more. Throws BackendFailure, for a 421 too. */
  async next(): Promise<Reply> {
    const lines: string[] = [];
    let code: number | undefined;
    for (;;) {
      const line = lineText(await this.line());
      const parsed = parseReplyLine(line);
      // RFC 5321 4.2.1: the code is the same in every line.
      if (parsed === null || (code ?? parsed.code) !== parsed.code) {
        this.fail(`unexpected reply${this.shown(line)}`);
      }
      code = parsed.code;
      lines.push(line);
      if (!parsed.last) continue;
      if (code === CLOSING) this.refused("service", { code, lines });
      return { code, lines };
    }
  }

  /** The next reply, which has this code and no other. Throws BackendFailure. */
  async expect(code: number, what: string): Promise<Reply> {
    const reply = await this.next();
    if (reply.code !== code) this.refused(what, reply);
    return reply;
  }

  /** `what` was answered so. */
  refused(what: string, { code, lines }: Reply): never {
    const shown = this.shown(lines.join(" ")) || `: ${code}`;
    this.fail(`${what} refused${shown}`);
  }
}
