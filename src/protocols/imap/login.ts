/** The two commands that carry credentials: LOGIN and AUTHENTICATE. */
import { mechanismNamed, SASL_DATA_LIMIT } from "../../sasl/exchange.ts";
import { passwordCredentialsFromBytes } from "../../sasl/password.ts";
import type { Credentials } from "../../sasl/credentials.ts";
import { byteText } from "../../sasl/text.ts";
import { ClientLogin, readCredentials } from "../client_login.ts";
import {
  type LoginGate,
  mayShowSecrets,
  servesPasswords,
} from "../login_gate.ts";
import type { ClientIo } from "../protocol.ts";
import type { Command } from "./command.ts";
import { PRIVACY_REQUIRED } from "./replies.ts";
import { BadCommand } from "./wire.ts";

/** A complete login, with the tag that its answer carries. */
export class ImapLogin extends ClientLogin {
  constructor(
    io: ClientIo,
    readonly tag: string,
    method: string,
    credentials: Credentials,
  ) {
    super(method, credentials, (challenge) => ask(io, challenge));
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
  const result = await readCredentials(
    mechanism,
    initial,
    (challenge) => ask(io, challenge),
  );
  switch (result) {
    case "aborted":
      // RFC 9051 6.2.2: a cancelled exchange is answered with a tagged BAD.
      return { answer: "BAD Authentication cancelled", counts: false };
    case "malformed":
      return { answer: "BAD Malformed authentication data", counts: true };
    default:
      return new ImapLogin(io, tag, mechanism, result);
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
  return line === null ? null : byteText(line.bytes);
}
