/** A backend's responses before and during its login. */
import { decodeUtf8 } from "../../sasl/text.ts";
import { BackendLines, lineText } from "../backend_lines.ts";
import { literalAtEnd } from "../literal.ts";

export type Status = "OK" | "NO" | "BAD";

/** One response. `text` is what follows the mark, tag or status; for `untagged` the whole of it. */
export type Response =
  | { readonly kind: "untagged"; readonly text: string }
  | { readonly kind: "continuation"; readonly text: string }
  | { readonly kind: "tagged"; readonly status: Status; readonly text: string };

/** How one command of the proxy's ended, and what came before its end. */
export interface Completion {
  readonly status: Status;
  readonly text: string;
  /** Untagged responses without `* ` and line end. */
  readonly untagged: readonly string[];
}

/** The responses of one stage. */
export class ResponseReader extends BackendLines {
  /** The next response; `tag` is the one under way, another one is garbage. Throws BackendFailure. */
  async next(tag: string): Promise<Response> {
    const line = await this.line();
    const text = lineText(line);
    if (text.startsWith("* ")) {
      return { kind: "untagged", text: await this.#whole(line, text.slice(2)) };
    }
    if (text === "+" || text.startsWith("+ ")) {
      return { kind: "continuation", text: text.slice(2) };
    }
    const match = /^([^ ]+) (OK|NO|BAD)(?: (.*))?$/i.exec(text);
    if (match === null || match[1] !== tag) {
      this.fail(`unexpected response${this.shown(text)}`);
    }
    return {
      kind: "tagged",
      status: match[2]?.toUpperCase() as Status,
      text: match[3] ?? "",
    };
  }

  /** Everything up to the tagged response; a `* BYE` or a continuation on the way is a failure. */
  async completion(tag: string): Promise<Completion> {
    const untagged: string[] = [];
    for (;;) {
      const response = await this.next(tag);
      if (response.kind === "continuation") this.fail("unexpected challenge");
      if (response.kind === "tagged") return { ...response, untagged };
      this.refuseBye(response.text);
      untagged.push(response.text);
    }
  }

  /** RFC 9051 7.1.5: after BYE there is no verdict. */
  refuseBye(untagged: string): void {
    if (/^BYE(?: |$)/i.test(untagged)) {
      this.fail(`said BYE${this.shown(untagged)}`);
    }
  }

  /** The text of an untagged response with its literals, in the form in which it can be passed on. */
  async #whole(first: Uint8Array, text: string): Promise<string> {
    let whole = text;
    let literal = literalAtEnd(first);
    while (literal !== null) {
      const data = await this.bytes(literal.size);
      const line = await this.line();
      // Octets that are not UTF-8 would change in a string, and the announced size with them.
      const content = decodeUtf8(data);
      if (content === null) this.fail("a literal is not UTF-8");
      whole += `\r\n${content}${lineText(line)}`;
      literal = literalAtEnd(line);
    }
    return whole;
  }
}
