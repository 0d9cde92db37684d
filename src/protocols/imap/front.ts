/** The dialogue with an IMAP client before its login (RFC 9051 6.1 and 6.2). */
import type {
  AcceptedReply,
  ClientIo,
  Frontend,
  FrontendContext,
  Login,
  PreauthLimit,
  Refusal,
} from "../protocol.ts";
import { SessionEnd } from "../session_end.ts";
import { loginFrom } from "../client_login.ts";
import { mayStartTls } from "../login_gate.ts";
import {
  capabilityList,
  type ImapGate,
  nonSyncLiteralLimit,
} from "./capabilities.ts";
import { claimedClient } from "./claimed_client.ts";
import { Command } from "./command.ts";
import { ImapLogin, readAuthenticate, readLogin } from "./login.ts";
import {
  acceptance,
  farewell,
  ID_REPLY,
  LOGOUT_BYE,
  refusal,
} from "./replies.ts";
import { BadCommand } from "./wire.ts";

const LOGIN_COMMANDS: ReadonlySet<string> = new Set(["LOGIN", "AUTHENTICATE"]);
const encoder = new TextEncoder();

/** What a command leads to: the next one, or a login. */
type Outcome = "next" | ImapLogin;

export class ImapFrontend implements Frontend {
  readonly #io: ClientIo;
  readonly #context: FrontendContext;
  readonly #nonSyncLimit: number;

  constructor(io: ClientIo, context: FrontendContext) {
    this.#io = io;
    this.#context = context;
    this.#nonSyncLimit = nonSyncLiteralLimit(
      context.snapshot.capabilities.imap,
    );
  }

  /** RFC 9051 7.1.1. */
  greet(): Promise<void> {
    const { banner } = this.#context.snapshot.capabilities.imap;
    return this.#io.write(
      `* OK [CAPABILITY ${capabilityList(this.#gate())}] ${banner}\r\n`,
    );
  }

  nextLogin(): Promise<Login | null> {
    return loginFrom(
      () => Command.read(this.#io, this.#nonSyncLimit),
      (command) => this.#serve(command),
    );
  }

  success(login: Login, reply: AcceptedReply): Uint8Array {
    return encoder.encode(acceptance(tagOf(login), reply));
  }

  async refuse(login: Login, reason: Refusal): Promise<"continue"> {
    const aborted = login instanceof ImapLogin && login.aborted;
    // RFC 9051 6.2.2: the answer to `*` is BAD, whatever the backend called it.
    const answer = aborted && reason.kind === "refused"
      ? `${tagOf(login)} BAD Authentication cancelled\r\n`
      : refusal(tagOf(login), reason);
    await this.#io.write(answer);
    return "continue";
  }

  farewell(limit: PreauthLimit): string {
    return farewell(limit);
  }

  async #serve(command: Command): Promise<Outcome> {
    let tag = "*";
    let name = "";
    try {
      tag = command.tag();
      name = command.word();
      return await this.#dispatch(tag, name, command);
    } catch (error) {
      if (!(error instanceof BadCommand)) throw error;
      await command.skip();
      await this.#io.write(`${tag} BAD ${error.message}\r\n`);
      if (LOGIN_COMMANDS.has(name)) this.#io.countFailure();
      return "next";
    }
  }

  async #dispatch(
    tag: string,
    name: string,
    command: Command,
  ): Promise<Outcome> {
    switch (name) {
      case "CAPABILITY": // RFC 9051 6.1.1
        command.end();
        return await this.#say(
          `* CAPABILITY ${capabilityList(this.#gate())}\r\n` +
            `${tag} OK CAPABILITY completed\r\n`,
        );
      case "NOOP": // RFC 9051 6.1.2
        command.end();
        return await this.#say(`${tag} OK NOOP completed\r\n`);
      case "LOGOUT": // RFC 9051 6.1.3
        command.end();
        await this.#say(`${LOGOUT_BYE}${tag} OK LOGOUT completed\r\n`);
        throw new SessionEnd("logout");
      case "ID": { // RFC 2971 3.1
        command.space();
        const fields = await command.idParameters();
        command.end();
        this.#io.adopt?.(claimedClient(fields));
        return await this.#say(`${ID_REPLY}${tag} OK ID completed\r\n`);
      }
      case "STARTTLS":
        return await this.#startTls(tag, command);
      case "LOGIN":
      case "AUTHENTICATE":
        return await this.#logIn(tag, name, command);
      default:
        throw new BadCommand("Command unknown or not allowed before login");
    }
  }

  /** RFC 9051 6.2.1. */
  async #startTls(tag: string, command: Command): Promise<Outcome> {
    command.end();
    if (!mayStartTls(this.#gate())) {
      throw new BadCommand("STARTTLS is not available");
    }
    await this.#say(`${tag} OK Begin TLS negotiation now\r\n`);
    await this.#io.startTls();
    return "next";
  }

  async #logIn(
    tag: string,
    name: "LOGIN" | "AUTHENTICATE",
    command: Command,
  ): Promise<Outcome> {
    const read = name === "LOGIN" ? readLogin : readAuthenticate;
    const login = await read(this.#io, this.#gate(), tag, command);
    if (login instanceof ImapLogin) return login;
    await command.skip();
    await this.#say(`${tag} ${login.answer}\r\n`);
    if (login.counts) this.#io.countFailure();
    return "next";
  }

  async #say(text: string): Promise<"next"> {
    await this.#io.write(text);
    return "next";
  }

  #gate(): ImapGate {
    return {
      capabilities: this.#context.snapshot.capabilities.imap,
      listener: this.#context.listener,
      secure: this.#io.secure,
    };
  }
}

function tagOf(login: Login): string {
  return login instanceof ImapLogin ? login.tag : "*";
}
