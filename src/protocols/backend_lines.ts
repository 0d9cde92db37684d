/** Reading a backend's answers before and during its login, bounded. */
import { LineTooLong } from "../net/line_reader.ts";
import {
  BackendFailure,
  type BackendIo,
  type FailureStage,
} from "./protocol.ts";

// A backend has no reason to say more than this before it answers a command of the proxy's.
const LINE_COUNT_LIMIT = 100;
const BYTE_LIMIT = 64 * 1024;

const decoder = new TextDecoder();

/** The lines of one stage. A new one starts a new account of lines and bytes. */
export class BackendLines {
  #lines = 0;
  #bytes = 0;

  constructor(
    private readonly io: BackendIo,
    private readonly stage: FailureStage,
  ) {}

  /** The next line without its end. Throws BackendFailure, at the end of the stream too. */
  async line(): Promise<Uint8Array> {
    if (++this.#lines > LINE_COUNT_LIMIT) this.fail("too many lines");
    const line = await this.#guard(
      this.io.reader.readLine(BYTE_LIMIT - this.#bytes),
    );
    this.#spend(line.bytes.length);
    const { witness } = this.io;
    if (witness) {
      const text = lineText(line.bytes);
      witness.received(this.stage === "auth" ? verdictIn(text) : text);
    }
    return line.bytes;
  }

  /** Exactly `count` bytes, those of a literal. */
  bytes(count: number): Promise<Uint8Array> {
    this.#spend(count);
    return this.#guard(this.io.reader.readBytes(count));
  }

  /** `what` went wrong, in words for the operator. */
  fail(what: string): never {
    throw new BackendFailure(this.stage, `backend: ${what}`);
  }

  /** A backend may repeat what it was sent, so during the login its words stay out of the log. */
  shown(text: string): string {
    return this.stage === "auth" ? "" : `: ${excerpt(text)}`;
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

/** Of a backend's words during the login, which may repeat what it was sent, only how they are meant. */
function verdictIn(text: string): string {
  const [verdict] =
    /^(\S{1,16} (OK|NO|BAD)|\* \w+|OK|NO|BYE|\+OK|-ERR|\+|[2-5]\d\d)(?![^\s-])/i
      .exec(text) ?? [];
  return verdict === undefined ? "(withheld)" : `${verdict} (withheld)`;
}

/** A backend's words for the operator: short and printable. */
export function excerpt(text: string): string {
  return JSON.stringify(text.length > 120 ? `${text.slice(0, 120)}…` : text);
}

/** A line of a peer as text for an answer or a log; never fails, never holds a line end or NUL. */
export function lineText(line: Uint8Array): string {
  // A lone CR or NUL must not travel into another dialogue.
  return decoder.decode(line).replaceAll(/[\0\r\n]/g, " ");
}
