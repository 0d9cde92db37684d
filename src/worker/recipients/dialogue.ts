import type { RecipientRouting } from "../../port/snapshot.ts";
import type { SmtpHello } from "../../protocols/protocol.ts";
import { SessionEnd } from "../../protocols/session_end.ts";
import { parseChunk } from "../../protocols/smtp/chunk.ts";
import { ClientLines } from "../../protocols/smtp/client_lines.ts";
import {
  type Envelope,
  isAscii,
  parseEnvelope,
  understands,
} from "../../protocols/smtp/envelope.ts";
import * as replies from "../../protocols/smtp/relay_replies.ts";
import {
  domainOf,
  formatReply,
  forwardableName,
  type SmtpCommand,
} from "../../protocols/smtp/wire.ts";
import { Attempt } from "../attempt.ts";
import type { WorkerCore } from "../core.ts";
import { upgrade } from "../pipeline.ts";
import type { Session } from "../session.ts";
import { MessageOctets } from "./message_octets.ts";
import { mayShorten, sizeLimit } from "./offers.ts";
import { Transaction } from "./transaction.ts";

/** When a message begins and ends: what may end the session is another then. */
export interface Phases {
  busy(transaction: Transaction): void;
  free(): void;
}

/** The dialogue with a client that hands in mail, by SMTP or LMTP (RFC 5321, RFC 2033). */
export class RecipientDialogue {
  readonly #lines: ClientLines;
  #hello: SmtpHello | null = null;
  #keywords: ReadonlySet<string> = new Set();
  #transaction: Transaction | null = null;
  #from: Envelope | null = null;

  constructor(
    private readonly core: WorkerCore,
    private readonly session: Session,
    private readonly phases: Phases,
  ) {
    this.#lines = new ClientLines(session.leg);
  }

  /** Speak until the client goes. Throws SessionEnd, also for its goodbye, and LineTooLong. */
  async run(): Promise<void> {
    const { protocol } = this.session.listener;
    await this.#say(`220 ${this.#host} ${protocol.toUpperCase()} ready\r\n`);
    try {
      for (;;) {
        const pending = this.#lines.command();
        const command = await (this.#transaction
          ? this.#transaction.attempt.interruptible(pending)
          : pending);
        if (command === null) {
          return;
        }
        this.session.flow.active = true;
        const answer = command === "broken"
          ? replies.BAD_LINE_END
          : await this.#serve(command);
        await this.#say(answer);
        // Whose message was let through has nothing to finish any more.
        if (this.core.draining && !this.#transaction) {
          throw new SessionEnd("drained");
        }
      }
    } finally {
      this.#transaction?.end();
    }
  }

  /** The answer to a command, "" when it has gone out already. */
  async #serve({ verb, argument }: SmtpCommand): Promise<string> {
    switch (verb) {
      case "EHLO":
      case "HELO":
      case "LHLO":
        return this.#greeted(verb, argument);
      case "MAIL":
        return this.#mail(argument);
      case "RCPT":
        return await this.#recipient(argument);
      case "DATA":
        return await this.#data(argument);
      case "BDAT":
        return await this.#chunk(argument);
      case "STARTTLS":
        return await this.#startTls(argument);
      case "RSET":
        if (argument !== "") return replies.BAD_ARGUMENTS;
        this.#reset();
        return replies.OK;
      case "NOOP": // RFC 5321 4.1.1.9: with any argument.
        return replies.OK;
      case "VRFY":
        return argument === "" ? replies.BAD_ARGUMENTS : replies.CANNOT_VERIFY;
      case "QUIT":
        if (argument !== "") return replies.BAD_ARGUMENTS;
        this.#reset();
        await this.#say(replies.BYE);
        throw new SessionEnd("logout");
      default:
        return replies.NO_SUCH_COMMAND;
    }
  }

  /** RFC 5321 4.1.1.1, RFC 2033 4.1. */
  #greeted(verb: "EHLO" | "HELO" | "LHLO", argument: string): string {
    const isLmtp = this.session.listener.protocol === "lmtp";
    if (isLmtp !== (verb === "LHLO")) return replies.NO_SUCH_COMMAND;
    if (argument === "") return replies.BAD_ARGUMENTS;
    this.#reset();
    const extended = verb !== "HELO";
    this.#hello = { name: forwardableName(argument), extended };
    const keywords = extended
      ? mayShorten(this.core, this.session.listener.protocol, this.#rules.ehlo)
      : [];
    this.#keywords = new Set(keywords.map((word) => word.split(" ")[0]!));
    const mayStartTls = extended && this.#mayStartTls;
    return formatReply(250, [
      this.#host,
      ...keywords,
      ...mayStartTls ? ["STARTTLS"] : [],
    ]);
  }

  /** RFC 3207 4. */
  async #startTls(argument: string): Promise<string> {
    if (!this.#mayStartTls) return replies.NO_SUCH_COMMAND;
    if (argument !== "") return replies.BAD_ARGUMENTS;
    if (this.#transaction) return replies.NOT_NOW;
    await this.#say(replies.GO_AHEAD);
    const { core, session } = this;
    const limit = core.deadlines.after(
      session.listener.preauthTimeout,
      () => session.end("preauth-timeout"),
    );
    try {
      await upgrade(core, session.leg, true);
    } finally {
      limit.cancel();
    }
    // RFC 3207 4.2.
    this.#hello = null;
    return "";
  }

  get #mayStartTls(): boolean {
    const { listener, leg } = this.session;
    return listener.tls === "starttls" && !leg.secure;
  }

  #mail(argument: string): string {
    if (this.#hello === null) return replies.HELLO_FIRST;
    if (this.#transaction) return replies.NOT_NOW;
    const from = parseEnvelope(argument, "FROM");
    if (from === null) return replies.BAD_ARGUMENTS;
    const fault = this.#fault("MAIL", from, from);
    if (fault !== null) return fault;
    if (this.#isTooLarge(from)) return replies.TOO_LARGE;
    this.#transaction = new Transaction(
      this.core,
      this.session,
      from,
      this.#hello,
    );
    this.#from = from;
    this.phases.busy(this.#transaction);
    return replies.SENDER_OK;
  }

  async #recipient(argument: string): Promise<string> {
    if (!this.#transaction || !this.#from || this.#transaction.isChunked) {
      return replies.NOT_NOW;
    }
    const to = parseEnvelope(argument, "TO");
    if (to === null || to.path === "") return replies.BAD_ARGUMENTS;
    return this.#fault("RCPT", to, this.#from) ??
      await this.#transaction.recipient(to);
  }

  async #data(argument: string): Promise<string> {
    if (argument !== "") return replies.BAD_ARGUMENTS;
    // RFC 3030 2: not both in one transaction.
    if (!this.#transaction || this.#transaction.isChunked) {
      return replies.NOT_NOW;
    }
    if (!this.#transaction.hasRecipients) return replies.NO_RECIPIENTS;
    await this.#transaction.data();
    this.#reset();
    return "";
  }

  /** RFC 3030 2, RFC 2033 4.3. */
  async #chunk(argument: string): Promise<string> {
    if (!this.#keywords.has("CHUNKING")) return replies.NO_SUCH_COMMAND;
    const chunk = parseChunk(argument);
    if (chunk === null) {
      await this.#say(replies.BAD_ARGUMENTS);
      // Nobody knows where the next command begins.
      throw new SessionEnd("preauth-limit", "BDAT without a proper size");
    }
    if (!this.#transaction) {
      const nothing = () => Promise.resolve();
      await new MessageOctets(this.session, new Attempt(), nothing)
        .chunk([], chunk);
      return replies.NOT_NOW;
    }
    await this.#transaction.chunk(chunk);
    if (chunk.last) this.#reset();
    return "";
  }

  /** What is wrong with an address or its parameters. */
  #fault(
    verb: "MAIL" | "RCPT",
    envelope: Envelope,
    from: Envelope,
  ): string | null {
    if (!understands(verb, envelope, this.#keywords)) {
      return replies.UNKNOWN_PARAMETER;
    }
    // RFC 6531 3.4: only where the sender has asked for it.
    return isAscii(envelope.path) || from.parameters.has("SMTPUTF8")
      ? null
      : replies.NO_SMTPUTF8;
  }

  /** RFC 1870 6.1. */
  #isTooLarge({ parameters }: Envelope): boolean {
    return Number(parameters.get("SIZE") ?? 0) > sizeLimit(this.#rules);
  }

  #reset(): void {
    if (!this.#transaction) return;
    this.#transaction.end();
    this.#transaction = null;
    this.phases.free();
  }

  async #say(text: string): Promise<void> {
    if (text === "") return;
    this.session.flow.backward += text.length;
    const written = this.session.leg.write(text);
    await (this.#transaction?.attempt.interruptible(written) ?? written);
  }

  get #host(): string {
    const { hostname } = this.core.generation.snapshot;
    return domainOf(hostname ?? this.session.local.hostname);
  }

  get #rules(): RecipientRouting {
    return this.core.generation.snapshot.recipients ??
      { delimiter: "", ehlo: [] };
  }
}
