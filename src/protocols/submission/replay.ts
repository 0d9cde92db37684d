/** Replaying a login to a submission backend (RFC 4954 section 4). */
import { encodeBase64 } from "../../sasl/base64.ts";
import type { PasswordCredentials } from "../../sasl/credentials.ts";
import { encodeLogin } from "../../sasl/login.ts";
import {
  type BackendContext,
  BackendFailure,
  type BackendIo,
  type BackendOffer,
  type BackendVerdict,
  type Login,
} from "../protocol.ts";
import {
  actsAsAnother,
  CHALLENGE_LIMIT,
  type SaslReplay,
  saslReplay,
  sendAuth,
} from "../sasl_replay.ts";
import { ReplyReader } from "../smtp/responses.ts";
import { COMMAND_OCTETS } from "../smtp/wire.ts";

const CANNOT = "504 5.5.4 Authentication mechanism not available here";

/** What one challenge is answered with; null cancels the exchange. */
type Answer = (challenge: string) => Promise<string | null>;

/** Replay the login by the best way that the backend offers. Throws BackendFailure without a verdict. */
export function authenticate(
  io: BackendIo,
  context: BackendContext,
  offer: BackendOffer,
  login: Login,
): Promise<BackendVerdict> {
  const { capabilities } = offer;
  const replay = saslReplay(
    context,
    login,
    (mechanism) => capabilities.has(`AUTH=${mechanism}`),
  );
  if (replay !== null) return sasl(io, replay);
  const { credentials } = login;
  if (credentials.kind === "token") return cannot();
  if (!capabilities.has("AUTH=LOGIN")) {
    throw new BackendFailure(
      "auth",
      "backend: neither AUTH PLAIN nor AUTH LOGIN is offered",
    );
  }
  if (actsAsAnother(credentials)) return cannot();
  return replayLogin(io, credentials);
}

/** The client chose what this backend lacks: its login is refused, the backend is not at fault. */
function cannot(): Promise<BackendVerdict> {
  return Promise.resolve({ kind: "refused", lines: [CANNOT] });
}

async function sasl(
  io: BackendIo,
  replay: SaslReplay,
): Promise<BackendVerdict> {
  // RFC 4954 4: the command is held to the line length of SMTP, answers to challenges are not.
  return await verdict(io, await sendAuth(io, replay, COMMAND_OCTETS));
}

/** By position: what the challenges of this mechanism say differs between servers. */
async function replayLogin(
  io: BackendIo,
  credentials: PasswordCredentials,
): Promise<BackendVerdict> {
  const answers = encodeLogin(credentials).map(encodeBase64);
  await io.write("AUTH LOGIN\r\n");
  return await verdict(io, () => Promise.resolve(answers.shift() ?? null));
}

/** Read until the verdict, answering challenges on the way. */
async function verdict(io: BackendIo, answer: Answer): Promise<BackendVerdict> {
  const reader: ReplyReader = new ReplyReader(io, "auth");
  for (let challenges = 0;;) {
    const { code, lines } = await reader.next();
    if (code === 334) {
      if (++challenges > CHALLENGE_LIMIT) reader.fail("too many challenges");
      const challenge = lines.map((line) => line.slice(4)).join("");
      await io.writeSecret(`${await answer(challenge) ?? "*"}\r\n`);
    } else if (code >= 400) {
      // RFC 4954 6: of the 4yz replies only 432 speaks of the credentials.
      const temporary = code < 500 && code !== 432;
      return { kind: "refused", lines, temporary };
    } else if (code === 235) {
      const text = lines.at(-1) ?? "";
      return { kind: "accepted", reply: { text, before: lines.slice(0, -1) } };
    } else {
      reader.fail(`unexpected reply ${code}`);
    }
  }
}
