/** A ManageSieve server's answers before and during the login. */
import { decodeUtf8 } from "../../sasl/text.ts";
import { BackendLines, excerpt, lineText } from "../backend_lines.ts";
import { literalAtEnd } from "../literal.ts";
import { type Token, tokens } from "./wire.ts";

/** RFC 5804 1.2. */
export type Status = "OK" | "NO" | "BYE";

/** How a command ended. `text` follows the status, literals in place, fit to be passed on. */
export interface Final {
  readonly kind: "final";
  readonly status: Status;
  readonly text: string;
}

/** Strings that come before the end of a command: a capability, or a challenge. */
export interface Data {
  readonly kind: "data";
  readonly strings: readonly string[];
}

/** The answers of one stage. */
export class ResponseReader extends BackendLines {
  /** Throws BackendFailure, for BYE too: there is no verdict after it. */
  async next(): Promise<Final | Data> {
    const { whole, found } = await this.#read();
    const final = /^(OK|NO|BYE)(?: (.*))?$/is.exec(whole);
    if (final === null) {
      const strings = found?.filter(({ kind }) => kind === "string");
      if (!strings || strings.length !== found?.length) {
        this.fail(`unexpected response${this.shown(whole)}`);
      }
      return { kind: "data", strings: strings.map(({ text }) => text) };
    }
    const status = final[1]?.toUpperCase() as Status;
    if (status === "BYE") this.fail(`said BYE${this.shown(whole)}`);
    return { kind: "final", status, text: final[2] ?? "" };
  }

  /** The end of a command that has no answer besides it. */
  async final(): Promise<Final> {
    const response = await this.next();
    return response.kind === "final"
      ? response
      : this.fail("unexpected response");
  }

  /** RFC 5804 1.7: capabilities and the OK behind them, which `what` was to bring. */
  async capabilities(
    what: string,
  ): Promise<{ greeting: string; capabilities: ReadonlySet<string> }> {
    const capabilities = new Set<string>();
    for (;;) {
      const response = await this.next();
      if (response.kind === "final") {
        const { status, text } = response;
        if (status === "OK") return { greeting: text, capabilities };
        this.fail(`${what} is ${excerpt(`${status} ${text}`)}`);
      }
      const [name = "", value = ""] = response.strings;
      addCapability(capabilities, name.toUpperCase(), value);
    }
  }

  async #read(): Promise<{ whole: string; found: readonly Token[] | null }> {
    const lines: string[] = [];
    const literals: string[] = [];
    let whole = "";
    for (;;) {
      const line = await this.line();
      whole += lineText(line);
      const literal = literalAtEnd(line);
      lines.push(lineText(line.subarray(0, literal?.start ?? line.length)));
      if (literal === null) {
        return { whole, found: tokens({ lines, literals }) };
      }
      // Octets that are not UTF-8 would change in a string, and the announced size with them.
      const content = decodeUtf8(await this.bytes(literal.size)) ??
        this.fail("a literal is not UTF-8");
      literals.push(content);
      whole += `\r\n${content}`;
    }
  }
}

/** `NAME`, and `NAME=WORD` for each word of a list that the replay goes by. */
function addCapability(
  capabilities: Set<string>,
  name: string,
  value: string,
): void {
  capabilities.add(name);
  if (name !== "SASL" && name !== "XCLIENT") return;
  for (const word of value.toUpperCase().split(" ")) {
    if (word !== "") capabilities.add(`${name}=${word}`);
  }
}
