/** The dialogue with a POP3 client before its login: the AUTHORIZATION state of RFC 1939 section 4. */
import { mechanismNamed } from "../../sasl/exchange.ts";
import type { Credentials } from "../../sasl/credentials.ts";
import { passwordCredentialsFromBytes } from "../../sasl/password.ts";
import { byteText } from "../../sasl/text.ts";
import { ClientLogin, loginFrom, readCredentials } from "../client_login.ts";
import { mayShowSecrets, mayStartTls, servesPasswords } from "../login_gate.ts";
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
import {
  CANCELLED,
  capabilityList,
  farewell,
  mechanismList,
  type Pop3Gate,
  PRIVACY_REQUIRED,
  refusal,
} from "./replies.ts";
import { ask, BadCommand, type Command, readCommand } from "./wire.ts";

const LOGIN_COMMANDS: ReadonlySet<string> = new Set(["USER", "PASS", "AUTH"]);
const NOT_ALLOWED = "Command unknown or not allowed before login";
const encoder = new TextEncoder();

/** What a command leads to: the next one, or a login. */
type Outcome = "next" | Pop3Login;

class Pop3Login extends ClientLogin {
  constructor(
    io: ClientIo,
    method: string,
    credentials: Credentials,
    readonly utf8: boolean,
  ) {
    super(method, credentials, (challenge) => ask(io, challenge));
  }
}

export class Pop3Frontend implements Frontend {
  readonly #io: ClientIo;
  readonly #context: FrontendContext;
  /** The name of a USER command that PASS may follow now. */
  #user: Uint8Array | null = null;
  #utf8 = false;

  constructor(io: ClientIo, context: FrontendContext) {
    this.#io = io;
    this.#context = context;
  }

  /** RFC 1939 4. No timestamp, since APOP is not there; Dovecot's code where XCLIENT is. */
  greet(): Promise<void> {
    const { banner } = this.#context.snapshot.capabilities.pop3;
    return this.#io.write(
      `+OK ${this.#io.adopt ? "[XCLIENT] " : ""}${banner}\r\n`,
    );
  }

  nextLogin(): Promise<Login | null> {
    return loginFrom(
      () => readCommand(this.#io),
      (command) => this.#serve(command),
    );
  }

  success(_login: Login, reply: AcceptedReply): Uint8Array {
    return encoder.encode(`${`+OK ${reply.text}`.trimEnd()}\r\n`);
  }

  async refuse(login: Login, reason: Refusal): Promise<"continue"> {
    const aborted = login instanceof Pop3Login && login.aborted &&
      reason.kind === "refused";
    await this.#io.write(aborted ? CANCELLED : refusal(reason));
    return "continue";
  }

  farewell(limit: PreauthLimit): string {
    return farewell(limit);
  }

  async #serve(command: Command): Promise<Outcome> {
    // RFC 1939 7: PASS follows USER immediately.
    const user = this.#user;
    this.#user = null;
    try {
      if (command.damaged) throw new BadCommand("Syntax error");
      return await this.#dispatch(command, user);
    } catch (error) {
      if (!(error instanceof BadCommand)) throw error;
      await this.#io.write(`-ERR ${error.message}\r\n`);
      if (LOGIN_COMMANDS.has(command.name)) this.#io.countFailure();
      return "next";
    }
  }

  async #dispatch(
    { name, rest }: Command,
    user: Uint8Array | null,
  ): Promise<Outcome> {
    switch (name) {
      case "USER":
        return await this.#startLogin(rest);
      case "PASS":
        return await this.#finishLogin(user, rest);
      case "AUTH":
        return await this.#authenticate(rest);
      case "XCLIENT":
        if (this.#io.adopt) return await this.#adopt(rest, this.#io.adopt);
        throw new BadCommand(NOT_ALLOWED);
      case "APOP": // RFC 1939 7: it needs the password in clear on the server's side.
        return await this.#say("-ERR APOP is not offered\r\n");
    }
    if (rest !== null) throw new BadCommand("Unexpected arguments");
    switch (name) {
      case "CAPA": // RFC 2449 5
        return await this.#say(
          capabilityList(this.#gate(), this.#io.adopt !== undefined),
        );
      case "NOOP":
        return await this.#say("+OK\r\n");
      case "UTF8": // RFC 6856 2
        this.#utf8 = true;
        return await this.#say("+OK UTF-8 it is\r\n");
      case "STLS":
        return await this.#startTls();
      case "QUIT": // RFC 1939 4
        await this.#say("+OK Logging out\r\n");
        throw new SessionEnd("logout");
      default:
        throw new BadCommand(NOT_ALLOWED);
    }
  }

  /** RFC 2595 4. */
  async #startTls(): Promise<Outcome> {
    if (!mayStartTls(this.#gate())) {
      return await this.#say("-ERR STLS is not available\r\n");
    }
    await this.#say("+OK Begin TLS negotiation now\r\n");
    await this.#io.startTls();
    // What was agreed on in clear is forgotten.
    this.#utf8 = false;
    return "next";
  }

  /** What a trusted proxy in front says of its client, in the form of Dovecot's login processes. */
  async #adopt(
    rest: Uint8Array | null,
    adopt: (claim: ClaimedClient) => void,
  ): Promise<Outcome> {
    const words = (rest ? byteText(rest) : "").split(" ")
      .filter((word) => word !== "");
    const claim = readXclient(words);
    if (claim === null) throw new BadCommand("Syntax error");
    adopt(claim);
    return await this.#say("+OK Updated\r\n");
  }

  /** RFC 1939 7: USER, which is granted to whoever asks. */
  async #startLogin(name: Uint8Array | null): Promise<Outcome> {
    const refused = this.#refusedPassword();
    if (refused !== null) return await this.#say(refused);
    if (name === null || name.length === 0) {
      throw new BadCommand("USER needs a name");
    }
    this.#user = name;
    return await this.#say("+OK\r\n");
  }

  /** RFC 1939 7: PASS, whose argument has its spaces. */
  async #finishLogin(
    user: Uint8Array | null,
    password: Uint8Array | null,
  ): Promise<Outcome> {
    const refused = this.#refusedPassword();
    if (refused !== null) return await this.#say(refused);
    if (user === null) return await this.#say("-ERR USER comes first\r\n");
    if (password === null) throw new BadCommand("PASS needs a password");
    const credentials = passwordCredentialsFromBytes(user, password);
    if (credentials === null) {
      throw new BadCommand("User name or password has characters not allowed");
    }
    return this.#login("USER", credentials);
  }

  #refusedPassword(): string | null {
    const gate = this.#gate();
    if (!servesPasswords(gate.capabilities.sasl)) {
      return "-ERR USER and PASS are not offered\r\n";
    }
    return mayShowSecrets(gate) ? null : PRIVACY_REQUIRED;
  }

  /** RFC 5034 4. */
  async #authenticate(rest: Uint8Array | null): Promise<Outcome> {
    const gate = this.#gate();
    if (rest === null) return await this.#say(mechanismList(gate));
    const [name = "", initial, ...more] = byteText(rest)
      .split(" ");
    const mechanism = mechanismNamed(name);
    if (mechanism === null || !gate.capabilities.sasl.includes(mechanism)) {
      return await this.#say(
        "-ERR Authentication mechanism is not offered\r\n",
      );
    }
    if (!mayShowSecrets(gate)) return await this.#say(PRIVACY_REQUIRED);
    if (initial === "" || more.length > 0) throw new BadCommand("Syntax error");
    const result = await readCredentials(
      mechanism,
      // RFC 5034 4: `=` is an empty initial response.
      initial === "=" ? "" : initial ?? null,
      (challenge) => ask(this.#io, challenge),
    );
    switch (result) {
      case "aborted":
        return await this.#say(CANCELLED);
      case "malformed":
        throw new BadCommand("Malformed authentication data");
      default:
        return this.#login(mechanism, result);
    }
  }

  #login(method: string, credentials: Credentials): Pop3Login {
    return new Pop3Login(this.#io, method, credentials, this.#utf8);
  }

  async #say(text: string): Promise<"next"> {
    await this.#io.write(text);
    return "next";
  }

  #gate(): Pop3Gate {
    return {
      capabilities: this.#context.snapshot.capabilities.pop3,
      listener: this.#context.listener,
      secure: this.#io.secure,
    };
  }
}
