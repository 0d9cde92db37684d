/** The AUTH command (RFC 4954 section 4). */
import { LineTooLong } from "../../net/line_reader.ts";
import type { Credentials } from "../../sasl/credentials.ts";
import { mechanismNamed, SASL_DATA_LIMIT } from "../../sasl/exchange.ts";
import { ClientLogin, readCredentials } from "../client_login.ts";
import { type LoginGate, mayShowSecrets } from "../login_gate.ts";
import type { ClientIo, SmtpHello } from "../protocol.ts";
import * as replies from "./replies.ts";

/** A complete login, with the name that its EHLO gave. */
export class SubmissionLogin extends ClientLogin {
  constructor(
    io: ClientIo,
    method: string,
    credentials: Credentials,
    readonly hello: SmtpHello,
  ) {
    super(method, credentials, (challenge) => ask(io, challenge));
  }
}

/** From behind the command's name on: a login, or the answer to one that is none ("" when it went out). */
export async function readAuth(
  io: ClientIo,
  gate: LoginGate,
  hello: SmtpHello,
  argument: string,
): Promise<SubmissionLogin | string> {
  const [name = "", initial, ...more] = argument.split(/[ \t]+/);
  if (name === "" || more.length > 0) {
    return await malformed(io, replies.BAD_ARGUMENTS);
  }
  const mechanism = mechanismNamed(name);
  if (mechanism === null || !gate.capabilities.sasl.includes(mechanism)) {
    return replies.NO_SUCH_MECHANISM;
  }
  if (!mayShowSecrets(gate)) return replies.ENCRYPTION_REQUIRED;
  const result = await exchange(
    io,
    () =>
      readCredentials(
        mechanism,
        // RFC 4954 4: `=` stands for an empty initial response.
        initial === "=" ? "" : initial ?? null,
        (challenge) => ask(io, challenge),
      ),
  );
  switch (result) {
    case "aborted":
      return replies.ABORTED;
    case "malformed":
      return await malformed(io, replies.MALFORMED_DATA);
    default:
      return new SubmissionLogin(io, mechanism, result, hello);
  }
}

/** It counts, and its answer goes out before the last words for the last one. */
async function malformed(io: ClientIo, answer: string): Promise<string> {
  await io.write(answer);
  io.countFailure();
  return "";
}

/** RFC 4954 4: data over the limit has an answer of its own before the session ends. */
async function exchange<T>(io: ClientIo, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof LineTooLong) await io.write(replies.DATA_TOO_LONG);
    throw error;
  }
}

/** A challenge and the client's answer as it stands, null when it went away. */
async function ask(io: ClientIo, challenge: string): Promise<string | null> {
  await io.write(`334 ${challenge}\r\n`);
  const line = await io.reader.readLine(SASL_DATA_LIMIT);
  if (line === null) return null;
  const text = String.fromCharCode(...line.bytes);
  // An end that is none makes it data that is none: nothing behind it is an answer to this.
  return line.bare ? `${text}\n` : text;
}
