/** One connection to the runtime socket, from its first line to its end. */
import type { RuntimeLevel } from "../config/schema_runtime.ts";
import { ControlError } from "../control/api.ts";
import type { RuntimeControl } from "../control/api_runtime.ts";
import type { AuditEntry } from "../control/audit_log.ts";
import { TAKEOVER_ACCEPTED } from "../control/takeover/messages.ts";
import { close } from "../net/bridge.ts";
import { JsonLines } from "../net/json_lines.ts";
import { LineReader, LineTooLong } from "../net/line_reader.ts";
import {
  type Command,
  CommandError,
  type Dialogue,
  newDialogue,
  type Output,
  type SocketView,
} from "./command.ts";
import { findCommand, unknownCommand } from "./find.ts";
import { Outlet, Unread } from "./outlet.ts";
import { perform } from "./perform.ts";
import { uptimePrompt } from "./prompt.ts";
import { parseLine } from "./syntax.ts";
import type { TakeoverEnd } from "./takeover_end.ts";

/** HAProxy has one buffer of 16 KiB for all; nobody types more. */
export const LONGEST_LINE = 64 * 1024;
export const LONGEST_PAYLOAD = 4 * 1024 * 1024;

/** Without a line for so long the connection is closed; with a prompt somebody sits there. */
const IDLE_MS = 10_000;
const INTERACTIVE_IDLE_MS = 600_000;
const DISCARD_SIZE = 64 * 1024;

export interface ConversationOptions {
  readonly control: RuntimeControl;
  readonly commands: readonly Command[];
  readonly level: RuntimeLevel;
  /** The socket that it came in by, as `show cli sockets` names it. */
  readonly address: string;
  readonly sockets: () => readonly SocketView[];
  readonly audit: (entry: AuditEntry) => void;
  readonly takeover: TakeoverEnd;
  /** The path of a socket on which another process may take over, else null. */
  readonly exposed: string | null;
  /** Told of what no command should throw. */
  readonly failed: (error: unknown) => void;
  /** The socket is no longer served: the command under way is the last. */
  readonly closed: AbortSignal;
}

/** What made the connection end before its client did. */
class Refused extends Error {
  override readonly name = "Refused";
}

/** Serve a connection to its end. Never rejects. */
export async function converse(
  connection: Deno.Conn,
  options: ConversationOptions,
): Promise<void> {
  const conversation = new Conversation(connection, options);
  try {
    await conversation.run();
  } catch (error) {
    if (!(error instanceof Unread)) options.failed(error);
  } finally {
    close(connection);
  }
}

class Conversation {
  readonly #reader: LineReader;
  readonly #outlet: Outlet;
  readonly #dialogue: Dialogue;
  readonly #gone = new AbortController();
  #taking = false;
  readonly #decoder = new TextDecoder("utf-8", { fatal: true });

  constructor(
    private readonly connection: Deno.Conn,
    private readonly options: ConversationOptions,
  ) {
    this.#reader = new LineReader(connection);
    this.#outlet = new Outlet(connection);
    this.#dialogue = newDialogue(options.level);
  }

  async run(): Promise<void> {
    const end = () => this.#gone.abort();
    this.options.closed.addEventListener("abort", end);
    try {
      do {
        const line = await this.#readLine();
        if (line === null) return;
        await this.#answerLine(line);
      } while (
        this.#dialogue.prompt !== "off" && this.#dialogue.ending === "no" &&
        !this.options.closed.aborted
      );
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      await this.#answer(() => {
        throw new CommandError(error.message);
      });
      await this.#discard();
    } finally {
      this.options.closed.removeEventListener("abort", end);
      end();
    }
  }

  async #answerLine(line: string): Promise<void> {
    const { commands, payloadEnd } = parseLine(line);
    const payload = payloadEnd === null
      ? null
      : await this.#readPayload(payloadEnd);
    if (commands.length === 0) await this.#answer(() => this.#unknown([]));
    for (const [i, words] of commands.entries()) {
      const isLast = i === commands.length - 1;
      await this.#answer(() => this.#run(words, isLast ? payload : null));
      if (this.#dialogue.ending === "now") return;
    }
  }

  /** Run one command, write what it says, an empty line, and a prompt where there is one. */
  async #answer(run: () => Output | Promise<Output>): Promise<void> {
    try {
      const output = await run();
      if (this.#taking) return await this.#beTakenOver();
      if (typeof output === "string") await this.#write(output);
      else for await (const piece of output) await this.#write(piece);
    } catch (error) {
      await this.#write(this.#complaint(error));
    }
    if (this.#dialogue.ending === "now") return;
    await this.#write(this.#dialogue.prompt === "off" ? "\n" : this.#prompt());
  }

  async #run(
    words: readonly string[],
    payload: string | null,
  ): Promise<Output> {
    const { commands, control, sockets } = this.options;
    const command = findCommand(commands, words);
    if (command === null) return this.#unknown(words);
    const { audit, address, takeover } = this.options;
    return await perform(command, words, payload, {
      control,
      dialogue: this.#dialogue,
      sockets,
      commands,
      gone: this.#gone.signal,
      input: () => this.#input(),
      takeover: () => this.#offerTakeover(),
      audit,
      address,
      ...clientOf(this.connection),
      end: takeover,
    });
  }

  #offerTakeover(): void {
    if (this.options.exposed === null) {
      throw new CommandError("This socket has no expose_listeners.");
    }
    this.#taking = true;
  }

  async #beTakenOver(): Promise<void> {
    this.#dialogue.ending = "now";
    await this.#write(`${TAKEOVER_ACCEPTED}\n`);
    const lines = new JsonLines(this.connection, this.#reader);
    await this.options.takeover.serve(lines, this.options.exposed!);
  }

  #unknown(words: readonly string[]): string {
    const { commands } = this.options;
    return this.#marked(
      "info",
      unknownCommand(commands, this.#dialogue.level, words),
    );
  }

  #complaint(error: unknown): string {
    if (error instanceof Unread) throw error;
    if (error instanceof CommandError || error instanceof ControlError) {
      return this.#marked("err", `${error.message}\n`);
    }
    this.options.failed(error);
    return this.#marked("err", "internal error\n");
  }

  /** With the severity in front, where the client asked for it (syslog's numbers). */
  #marked(severity: "err" | "info", text: string): string {
    switch (this.#dialogue.severity) {
      case "none":
        return text;
      case "number":
        return `[${severity === "err" ? 3 : 6}]: ${text}`;
      case "string":
        return `[${severity}]: ${text}`;
    }
  }

  #prompt(): string {
    if (this.#dialogue.prompt === "plain") return "\n> ";
    const { startedAt } = this.options.control.process.process();
    return `\n${uptimePrompt(Date.now() - startedAt)}`;
  }

  /** A line in words; null when the client has ended or been silent too long. Throws Refused. */
  async #readLine(): Promise<string | null> {
    // Whoever closes the socket, or is silent, ends the read that is under way.
    const stop = () => close(this.connection);
    const timer = setTimeout(stop, this.#idleLimit);
    this.options.closed.addEventListener("abort", stop);
    try {
      const line = await this.#reader.readLine(LONGEST_LINE);
      if (line === null) return null;
      if (line.bytes.includes(0)) throw new Refused("NUL bytes are refused.");
      return this.#decoder.decode(line.bytes);
    } catch (error) {
      if (error instanceof LineTooLong) {
        throw new Refused(`Line too long: at most ${LONGEST_LINE} bytes.`);
      }
      if (error instanceof TypeError) throw new Refused("Not valid UTF-8.");
      throw error;
    } finally {
      clearTimeout(timer);
      this.options.closed.removeEventListener("abort", stop);
    }
  }

  /** The lines up to the one that ends it. A payload that never ends is none, and its command is not run. */
  async #readPayload(end: string): Promise<string> {
    let payload = "";
    for (;;) {
      if (this.#dialogue.prompt !== "off") await this.#write("+ ");
      const line = await this.#readLine();
      if (line === null) throw new Unread();
      if (line === end) return payload;
      payload += `${line}\n`;
      if (payload.length > LONGEST_PAYLOAD) {
        throw new Refused(
          `Payload too long: at most ${LONGEST_PAYLOAD} characters.`,
        );
      }
    }
  }

  /** A client that is still sending would not read why it was refused: its bytes are read, within bounds. */
  async #discard(): Promise<void> {
    const timer = setTimeout(() => close(this.connection), IDLE_MS);
    let left = LONGEST_PAYLOAD;
    while (left > 0) {
      const bytes = await this.#reader.waiting(DISCARD_SIZE);
      if (bytes === null) break;
      left -= bytes.length;
      this.#reader.skip(bytes.length);
    }
    clearTimeout(timer);
  }

  get #idleLimit(): number {
    return this.#dialogue.timeout ??
      (this.#dialogue.prompt === "off" ? IDLE_MS : INTERACTIVE_IDLE_MS);
  }

  #write(text: string): Promise<void> {
    return this.#outlet.write(text, this.#dialogue.timeout ?? IDLE_MS);
  }

  /** Resolves with the next input, which is thrown away, or the end of the stream. */
  async #input(): Promise<void> {
    await this.#reader.watch(1);
    this.#reader.skip(this.#reader.buffered);
  }
}

/** The client's address; those of a UNIX socket have none. */
function clientOf({ remoteAddr }: Deno.Conn): { client?: string } {
  return remoteAddr.transport === "tcp" ? { client: remoteAddr.hostname } : {};
}
