/** The dialogue with a submission client before its login (RFC 6409, RFC 5321 section 4). */
import type { SubmissionCapabilities } from "../../port/snapshot.ts";
import { loginFrom } from "../client_login.ts";
import { type LoginGate, mayShowSecrets, mayStartTls } from "../login_gate.ts";
import type {
  AcceptedReply,
  ClientIo,
  Frontend,
  FrontendContext,
  Login,
  PreauthLimit,
  Refusal,
  SmtpHello,
} from "../protocol.ts";
import { SessionEnd } from "../session_end.ts";
import { ClientLines } from "../smtp/client_lines.ts";
import {
  domainOf,
  formatReply,
  forwardableName,
  type SmtpCommand,
} from "../smtp/wire.ts";
import { readXclient } from "../xclient.ts";
import { readAuth, SubmissionLogin } from "./login.ts";
import * as replies from "./replies.ts";

export class SubmissionFrontend implements Frontend {
  readonly #io: ClientIo;
  readonly #context: FrontendContext;
  readonly #lines: ClientLines;
  #hello: SmtpHello | null = null;

  constructor(io: ClientIo, context: FrontendContext) {
    this.#io = io;
    this.#context = context;
    this.#lines = new ClientLines(io);
  }

  greet(): Promise<void> {
    return this.#io.write(this.#greeting);
  }

  /** RFC 5321 4.2 and 4.3.1. */
  get #greeting(): string {
    const { banner } = this.#capabilities;
    return `220 ${this.#host} ${banner}\r\n`;
  }

  nextLogin(): Promise<Login | null> {
    return loginFrom(() => this.#lines.command(), async (command) => {
      const outcome = command === "broken"
        ? replies.BAD_LINE_END
        : await this.#serve(command);
      if (typeof outcome !== "string") return outcome;
      if (outcome !== "") await this.#io.write(outcome);
      return "next";
    });
  }

  success(_login: Login, reply: AcceptedReply): Uint8Array {
    return new TextEncoder().encode(
      replies.asLines([...reply.before, reply.text]),
    );
  }

  async refuse(login: Login, reason: Refusal): Promise<"continue" | "close"> {
    const aborted = login instanceof SubmissionLogin && login.aborted;
    // RFC 4954 4: the answer to `*` is 501, whatever the backend called it.
    await this.#io.write(
      aborted && reason.kind === "refused"
        ? replies.ABORTED
        : replies.refusal(reason),
    );
    return reason.kind === "unavailable" ? "close" : "continue";
  }

  farewell(limit: PreauthLimit): string {
    return replies.farewell(limit);
  }

  /** The answer to a command ("" when it has gone out already), or the login that it leads to. */
  async #serve(
    { verb, argument }: SmtpCommand,
  ): Promise<string | SubmissionLogin> {
    switch (verb) {
      case "EHLO":
      case "HELO":
        return this.#greeted(verb, argument);
      case "STARTTLS":
        return await this.#startTls(argument);
      case "AUTH":
        // RFC 5321 4.1.4.
        if (this.#hello === null) return replies.HELLO_FIRST;
        return await readAuth(
          { io: this.#io, lines: this.#lines, hello: this.#hello },
          this.#gate,
          argument,
        );
      case "NOOP": // RFC 5321 4.1.1.9: with any argument.
        return replies.OK;
      case "RSET":
        return argument === "" ? replies.OK : replies.BAD_ARGUMENTS;
      case "VRFY":
        return argument === "" ? replies.BAD_ARGUMENTS : replies.CANNOT_VERIFY;
      case "HELP":
        return replies.HELP;
      case "QUIT":
        if (argument !== "") return replies.BAD_ARGUMENTS;
        await this.#io.write(replies.BYE);
        throw new SessionEnd("logout");
      case "MAIL": // RFC 4954 6, RFC 6409 4.3
      case "RCPT":
      case "DATA":
      case "BDAT":
      case "BURL":
        return replies.AUTHENTICATION_REQUIRED;
      case "XCLIENT":
        return this.#claimed(argument);
      case "EXPN":
      case "ETRN":
        return replies.NOT_NOW;
      default:
        return replies.NO_SUCH_COMMAND;
    }
  }

  /** RFC 5321 4.1.1.1. */
  #greeted(verb: "EHLO" | "HELO", argument: string): string {
    if (argument === "") return replies.BAD_ARGUMENTS;
    const extended = verb === "EHLO";
    this.#hello = { name: forwardableName(argument), extended };
    return formatReply(250, [
      this.#host,
      ...extended ? keywords(this.#gate, this.#io.adopt !== undefined) : [],
    ]);
  }

  async #startTls(argument: string): Promise<string> {
    // RFC 3207 4: no parameters.
    if (argument !== "") return replies.BAD_ARGUMENTS;
    if (!mayStartTls(this.#gate)) return replies.NOT_NOW;
    await this.#io.write(replies.GO_AHEAD);
    await this.#io.startTls();
    // RFC 3207 4.2.
    this.#hello = null;
    return "";
  }

  /** A trusted proxy names the client; as in Postfix, the session begins anew with the greeting. */
  #claimed(argument: string): string {
    if (!this.#io.adopt) return replies.NOT_NOW;
    const claim = readXclient(argument.split(" "));
    if (claim === null) return replies.BAD_ARGUMENTS;
    this.#io.adopt(claim);
    this.#hello = null;
    return this.#greeting;
  }

  get #host(): string {
    return domainOf(this.#context.hostname);
  }

  get #capabilities(): SubmissionCapabilities {
    return this.#context.snapshot.capabilities.submission;
  }

  get #gate(): LoginGate<SubmissionCapabilities> {
    return {
      capabilities: this.#capabilities,
      listener: this.#context.listener,
      secure: this.#io.secure,
    };
  }
}

/** The EHLO keywords of this moment; AUTH comes last. `trusted`: the peer may name another client. */
function keywords(
  gate: LoginGate<SubmissionCapabilities>,
  trusted: boolean,
): readonly string[] {
  const { ehlo, sasl } = gate.capabilities;
  return [
    ...ehlo,
    ...trusted ? ["XCLIENT ADDR PORT SESSION TTL"] : [],
    ...mayStartTls(gate) ? ["STARTTLS"] : [],
    ...mayShowSecrets(gate) && sasl.length > 0
      ? [`AUTH ${sasl.join(" ")}`]
      : [],
  ];
}
