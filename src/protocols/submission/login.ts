/** The AUTH command (RFC 4954 section 4). */
import { LineTooLong } from "../../net/line_reader.ts";
import type { Credentials } from "../../sasl/credentials.ts";
import { mechanismNamed } from "../../sasl/exchange.ts";
import { ClientLogin, readCredentials } from "../client_login.ts";
import { type LoginGate, mayShowSecrets } from "../login_gate.ts";
import type { ClientIo, SmtpHello } from "../protocol.ts";
import type { ClientLines } from "../smtp/client_lines.ts";
import * as replies from "./replies.ts";

/** The client that logs in. */
export interface SubmissionClient {
  readonly io: ClientIo;
  readonly lines: ClientLines;
  readonly hello: SmtpHello;
}

/** A complete login, with the name that its EHLO gave. */
export class SubmissionLogin extends ClientLogin {
  readonly hello: SmtpHello;

  constructor(
    client: SubmissionClient,
    method: string,
    credentials: Credentials,
  ) {
    super(method, credentials, (challenge) => ask(client, challenge));
    this.hello = client.hello;
  }
}

/** From behind the command's name on: a login, or the answer to one that is none ("" when it went out). */
export async function readAuth(
  client: SubmissionClient,
  gate: LoginGate,
  argument: string,
): Promise<SubmissionLogin | string> {
  const { io } = client;
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
        (challenge) => ask(client, challenge),
      ),
  );
  switch (result) {
    case "aborted":
      return replies.ABORTED;
    case "malformed":
      return await malformed(io, replies.MALFORMED_DATA);
    default:
      return new SubmissionLogin(client, mechanism, result);
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
async function ask(
  { io, lines }: SubmissionClient,
  challenge: string,
): Promise<string | null> {
  await io.write(`334 ${challenge}\r\n`);
  return await lines.answer();
}
