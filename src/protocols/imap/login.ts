/** The two commands that carry credentials: LOGIN and AUTHENTICATE. */
import { decodeBase64, encodeBase64 } from "../../sasl/base64.ts";
import {
  mechanismNamed,
  SASL_DATA_LIMIT,
  serverExchange,
} from "../../sasl/exchange.ts";
import { LineTooLong } from "../../net/line_reader.ts";
import { passwordCredentialsFromBytes } from "../../sasl/password.ts";
import type { Credentials } from "../../sasl/credentials.ts";
import type { ClientIo, Login } from "../protocol.ts";
import { SessionEnd } from "../session_end.ts";
import {
  type LoginGate,
  mayShowSecrets,
  servesPasswords,
} from "./capabilities.ts";
import { ClientGone, type Command } from "./command.ts";
import { PRIVACY_REQUIRED } from "./replies.ts";
import { BadCommand } from "./wire.ts";

/** A complete login, with the tag that its answer carries. */
export class ImapLogin implements Login {
  /** The client answered a challenge with `*`; the backend's complaint about that is not its business. */
  aborted = false;

  constructor(
    private readonly io: ClientIo,
    readonly tag: string,
    readonly method: string,
    readonly credentials: Credentials,
  ) {}

  async challenge(data: Uint8Array): Promise<Uint8Array | null> {
    const answer = await ask(this.io, encodeBase64(data));
    if (answer === null) throw new SessionEnd("client-closed");
    const decoded = answer === "*" ? null : decodeBase64(answer);
    this.aborted = decoded === null;
    return decoded;
  }
}

/** A login that is answered at once; `counts` when it was malformed (compatibility, `max_auth_attempts`). */
export interface RefusedLogin {
  readonly answer: string;
  readonly counts: boolean;
}

/** RFC 9051 6.2.3, from behind the command's name on. */
export async function readLogin(
  io: ClientIo,
  gate: LoginGate,
  tag: string,
  command: Command,
): Promise<ImapLogin | RefusedLogin> {
  // Before the arguments: no literal with a password may be asked for in clear.
  if (!servesPasswords(gate.capabilities.sasl)) {
    return { answer: "NO LOGIN is not offered", counts: false };
  }
  if (!mayShowSecrets(gate)) return { answer: PRIVACY_REQUIRED, counts: false };
  command.space();
  const user = await command.astring();
  command.space();
  const password = await command.astring();
  command.end();
  const credentials = passwordCredentialsFromBytes(user, password);
  if (credentials === null) {
    throw new BadCommand("User name or password has characters not allowed");
  }
  return new ImapLogin(io, tag, "LOGIN", credentials);
}

/** RFC 9051 6.2.2, from behind the command's name on. */
export async function readAuthenticate(
  io: ClientIo,
  gate: LoginGate,
  tag: string,
  command: Command,
): Promise<ImapLogin | RefusedLogin> {
  command.space();
  const mechanism = mechanismNamed(command.word());
  if (mechanism === null || !gate.capabilities.sasl.includes(mechanism)) {
    return {
      answer: "NO Authentication mechanism is not offered",
      counts: false,
    };
  }
  if (!mayShowSecrets(gate)) return { answer: PRIVACY_REQUIRED, counts: false };
  const initial = readInitialResponse(command);
  const result = await serverExchange(
    mechanism,
    initial,
    (challenge) => ask(io, challenge),
  );
  if ("credentials" in result) {
    return new ImapLogin(io, tag, mechanism, result.credentials);
  }
  switch (result.failure) {
    case "aborted":
      // RFC 9051 6.2.2: a cancelled exchange is answered with a tagged BAD.
      return { answer: "BAD Authentication cancelled", counts: false };
    case "malformed":
      return { answer: "BAD Malformed authentication data", counts: true };
    case "too-long":
      throw new LineTooLong(SASL_DATA_LIMIT);
    case "closed":
      throw new ClientGone();
  }
}

/** RFC 4959 3: base64, or `=` for an empty one; taken whether or not SASL-IR is advertised. */
function readInitialResponse(command: Command): string | null {
  if (command.atEnd) return null;
  command.space();
  const initial = command.rest();
  if (initial === "") throw new BadCommand("Syntax error");
  return initial === "=" ? "" : initial;
}

/** RFC 9051 6.2.2: a challenge and the client's answer as it stands, null when it went away. */
async function ask(io: ClientIo, challenge: string): Promise<string | null> {
  await io.write(`+ ${challenge}\r\n`);
  const line = await io.reader.readLine(SASL_DATA_LIMIT);
  return line === null ? null : String.fromCharCode(...line.bytes);
}
