/** Reading a backend's responses before and during its login, bounded. */
import { LineTooLong } from "../../net/line_reader.ts";
import { decodeUtf8 } from "../../sasl/text.ts";
import {
  BackendFailure,
  type BackendIo,
  type FailureStage,
} from "../protocol.ts";
import { lineText, literalAtEnd } from "./wire.ts";

// A backend has no reason to say more than this before it answers a command of the proxy's.
const RESPONSE_LIMIT = 100;
const BYTE_LIMIT = 64 * 1024;

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

/** The responses of one stage. A new one starts a new account of lines and bytes. */
export class ResponseReader {
  #responses = 0;
  #bytes = 0;

  constructor(
    private readonly io: BackendIo,
    private readonly stage: FailureStage,
  ) {}

  /** The next response; `tag` is the one under way, another one is garbage. Throws BackendFailure. */
  async next(tag: string): Promise<Response> {
    if (++this.#responses > RESPONSE_LIMIT) this.fail("too many responses");
    const line = await this.#line();
    const text = lineText(line);
    if (text.startsWith("* ")) {
      return { kind: "untagged", text: await this.#whole(line, text.slice(2)) };
    }
    if (text === "+" || text.startsWith("+ ")) {
      return { kind: "continuation", text: text.slice(2) };
    }
    const match = /^([^ ]+) (OK|NO|BAD)(?: (.*))?$/i.exec(text);
    if (match === null || match[1] !== tag) {
      this.fail(`unexpected response${this.#shown(text)}`);
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
      this.fail(`said BYE${this.#shown(untagged)}`);
    }
  }

  /** A backend may repeat what it was sent, so during the login its words stay out of the log. */
  #shown(text: string): string {
    return this.stage === "auth" ? "" : `: ${excerpt(text)}`;
  }

  fail(what: string): never {
    throw new BackendFailure(this.stage, `backend: ${what}`);
  }

  /** The text of an untagged response with its literals, in the form in which it can be passed on. */
  async #whole(first: Uint8Array, text: string): Promise<string> {
    let whole = text;
    let literal = literalAtEnd(first);
    while (literal !== null) {
      this.#spend(literal.size);
      const data = await this.#guard(this.io.reader.readBytes(literal.size));
      const line = await this.#line();
      // Octets that are not UTF-8 would change in a string, and the announced size with them.
      const content = decodeUtf8(data);
      if (content === null) this.fail("a literal is not UTF-8");
      whole += `\r\n${content}${lineText(line)}`;
      literal = literalAtEnd(line);
    }
    return whole;
  }

  async #line(): Promise<Uint8Array> {
    const line = await this.#guard(
      this.io.reader.readLine(BYTE_LIMIT - this.#bytes),
    );
    this.#spend(line.bytes.length);
    return line.bytes;
  }

  #spend(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes > BYTE_LIMIT) this.fail("said too much");
  }

  async #guard<T>(read: Promise<T | null>): Promise<T> {
    let result: T | null;
    try {
      result = await read;
    } catch (error) {
      if (error instanceof LineTooLong) this.fail("said too much");
      throw error;
    }
    if (result === null) this.fail("closed the connection");
    return result;
  }
}

/** A backend's words for the operator: short and printable. */
export function excerpt(text: string): string {
  return JSON.stringify(text.length > 120 ? `${text.slice(0, 120)}…` : text);
}
