/** The dialogue with a ManageSieve client before its login (RFC 5804 section 2). */
import { mechanismNamed } from "../../sasl/exchange.ts";
import { ClientLogin, loginFrom, readCredentials } from "../client_login.ts";
import { mayShowSecrets, mayStartTls } from "../login_gate.ts";
import type {
  AcceptedReply,
  ClaimedClient,
  ClientIo,
  Frontend,
  FrontendContext,
  Login,
  PreauthLimit,
  Refusal,
} from "../protocol.ts";
import { SessionEnd } from "../session_end.ts";
import { readXclient } from "../xclient.ts";
import { type Command, readAnswer, readCommand } from "./command.ts";
import {
  acceptance,
  CANCELLED,
  capabilityBlock,
  ENCRYPT_NEEDED,
  farewell,
  type ManageSieveGate,
  no,
  noopDone,
  ok,
  refusal,
} from "./replies.ts";
import { encodeString, type Token } from "./wire.ts";

const SYNTAX_ERROR = no("Syntax error");
const NOT_ALLOWED = no("Command unknown or not allowed before login");
const encoder = new TextEncoder();

/** What a command leads to: the next one, or a login. */
type Outcome = "next" | ClientLogin;

export class ManageSieveFrontend implements Frontend {
  readonly #io: ClientIo;
  readonly #context: FrontendContext;

  constructor(io: ClientIo, context: FrontendContext) {
    this.#io = io;
    this.#context = context;
  }

  /** RFC 5804 1.7: the capabilities are the greeting. */
  async greet(): Promise<void> {
    await this.#capabilities("ManageSieve ready");
  }

  nextLogin(): Promise<Login | null> {
    return loginFrom(
      () => readCommand(this.#io),
      (command) => this.#serve(command),
    );
  }

  success(_login: Login, reply: AcceptedReply): Uint8Array {
    return encoder.encode(acceptance(reply));
  }

  async refuse(login: Login, reason: Refusal): Promise<"continue"> {
    const aborted = login instanceof ClientLogin && login.aborted;
    // RFC 5804 2.1: the answer to `*` is NO, whatever the backend called it.
    await this.#io.write(
      aborted && reason.kind === "refused" ? CANCELLED : refusal(reason),
    );
    return "continue";
  }

  farewell(limit: PreauthLimit): string {
    return farewell(limit);
  }

  async #serve({ name, args }: Command): Promise<Outcome> {
    if (name === "AUTHENTICATE") return await this.#authenticate(args);
    if (args === null) return await this.#say(SYNTAX_ERROR);
    switch (name) {
      case "CAPABILITY": // RFC 5804 2.4
        if (args.length > 0) return await this.#say(SYNTAX_ERROR);
        return await this.#capabilities("CAPABILITY completed");
      case "NOOP": { // RFC 5804 2.13
        const [tag, ...more] = args;
        if (tag?.kind === "atom" || more.length > 0) {
          return await this.#say(SYNTAX_ERROR);
        }
        return await this.#say(noopDone(tag?.text));
      }
      case "LOGOUT": // RFC 5804 2.3
        if (args.length > 0) return await this.#say(SYNTAX_ERROR);
        await this.#say(ok("LOGOUT completed"));
        throw new SessionEnd("logout");
      case "STARTTLS":
        return await this.#startTls(args);
      case "XCLIENT":
        if (this.#io.adopt) return await this.#adopt(args, this.#io.adopt);
        return await this.#say(NOT_ALLOWED);
      default:
        return await this.#say(NOT_ALLOWED);
    }
  }

  /** RFC 5804 2.2. */
  async #startTls(args: readonly Token[]): Promise<Outcome> {
    if (args.length > 0) return await this.#say(SYNTAX_ERROR);
    if (!mayStartTls(this.#gate())) {
      return await this.#say(no("STARTTLS is not available"));
    }
    await this.#say(ok("Begin TLS negotiation now"));
    await this.#io.startTls();
    // What was announced in clear is announced again, unasked.
    return await this.#capabilities("TLS negotiation successful");
  }

  /** A trusted proxy names its client, in Dovecot's form. */
  #adopt(
    args: readonly Token[],
    adopt: (claim: ClaimedClient) => void,
  ): Promise<"next"> {
    const claim = readXclient(args.map(({ text }) => text));
    if (claim === null) return this.#say(SYNTAX_ERROR);
    adopt(claim);
    return this.#say(ok("Updated"));
  }

  /** RFC 5804 2.1. */
  async #authenticate(args: readonly Token[] | null): Promise<Outcome> {
    const [named, initial, ...more] = args ?? [];
    if (
      named?.kind !== "string" || initial?.kind === "atom" || more.length > 0
    ) return await this.#malformed(SYNTAX_ERROR);
    const gate = this.#gate();
    const mechanism = mechanismNamed(named.text);
    if (mechanism === null || !gate.capabilities.sasl.includes(mechanism)) {
      return await this.#say(no("Authentication mechanism is not offered"));
    }
    if (!mayShowSecrets(gate)) return await this.#say(ENCRYPT_NEEDED);
    const ask = async (challenge: string) => {
      await this.#io.write(`${encodeString(challenge, "server")}\r\n`);
      return await readAnswer(this.#io);
    };
    const result = await readCredentials(
      mechanism,
      initial?.text ?? null,
      ask,
    );
    if (result === "aborted") return await this.#say(CANCELLED);
    if (result === "malformed") {
      return await this.#malformed(no("Malformed authentication data"));
    }
    return new ClientLogin(mechanism, result, ask);
  }

  async #malformed(answer: string): Promise<"next"> {
    await this.#io.write(answer);
    this.#io.countFailure();
    return "next";
  }

  #capabilities(done: string): Promise<"next"> {
    const trusted = this.#io.adopt !== undefined;
    return this.#say(`${capabilityBlock(this.#gate(), trusted)}${ok(done)}`);
  }

  async #say(text: string): Promise<"next"> {
    await this.#io.write(text);
    return "next";
  }

  #gate(): ManageSieveGate {
    return {
      capabilities: this.#context.snapshot.capabilities.managesieve,
      listener: this.#context.listener,
      secure: this.#io.secure,
    };
  }
}
