/** Replaying a login to an IMAP backend (RFC 9051 6.2.2 and 6.2.3). */
import type { PasswordCredentials } from "../../sasl/credentials.ts";
import { encodeUtf8 } from "../../sasl/text.ts";
import {
  type BackendContext,
  BackendFailure,
  type BackendIo,
  type BackendOffer,
  type BackendVerdict,
  type Login,
} from "../protocol.ts";
import { quoted } from "../literal.ts";
import {
  actsAsAnother,
  CHALLENGE_LIMIT,
  type SaslReplay,
  saslReplay,
} from "../sasl_replay.ts";
import { ResponseReader } from "./responses.ts";
import { isQuotable, LINE_LIMIT } from "./wire.ts";

const TAG = "A1";
const QUOTED_LIMIT = 1000;
const CANNOT = "NO [CANNOT] Authentication mechanism not available here";

/** What one answer to a continuation is made from; null cancels the exchange (RFC 9051 6.2.2). */
type Answer = (challenge: string) => Promise<string | null>;

/** Replay the login by the best way that the backend offers. Throws BackendFailure without a verdict. */
export function authenticate(
  io: BackendIo,
  context: BackendContext,
  offer: BackendOffer,
  login: Login,
): Promise<BackendVerdict> {
  const replay = saslReplay(
    context,
    login,
    (mechanism) => offer.capabilities.has(`AUTH=${mechanism}`),
  );
  if (replay !== null) return sasl(io, offer, replay);
  const { credentials } = login;
  if (credentials.kind === "token" || actsAsAnother(credentials)) {
    return cannot();
  }
  if (offer.capabilities.has("LOGINDISABLED")) {
    throw new BackendFailure(
      "auth",
      "backend: neither AUTH=PLAIN nor LOGIN is offered",
    );
  }
  return replayLogin(io, offer, credentials);
}

/** The client chose what this backend lacks: its login is refused, the backend is not at fault. */
function cannot(): Promise<BackendVerdict> {
  return Promise.resolve({ kind: "refused", lines: [CANNOT] });
}

async function sasl(
  io: BackendIo,
  offer: BackendOffer,
  { mechanism, message, answer }: SaslReplay,
): Promise<BackendVerdict> {
  const command = `${TAG} AUTHENTICATE ${mechanism}`;
  const inline = `${command} ${message === "" ? "=" : message}\r\n`;
  // RFC 4959 3: in one line where the backend offers it and its line limit holds.
  if (offer.capabilities.has("SASL-IR") && inline.length <= LINE_LIMIT) {
    await io.writeSecret(inline);
    return await verdict(io, answer);
  }
  await io.write(`${command}\r\n`);
  let sent = false;
  return await verdict(io, (challenge) => {
    if (sent) return answer(challenge);
    sent = true;
    return Promise.resolve(message);
  });
}

/** RFC 9051 6.2.3, with literals for what a quoted string of an old server cannot hold. */
async function replayLogin(
  io: BackendIo,
  offer: BackendOffer,
  credentials: PasswordCredentials,
): Promise<BackendVerdict> {
  const plus = offer.capabilities.has("LITERAL+");
  const minus = offer.capabilities.has("LITERAL-");
  const chunks: string[] = [];
  let chunk = `${TAG} LOGIN`;
  for (const value of [credentials.authcid, credentials.password.reveal()]) {
    if (isQuotable(value) && value.length <= QUOTED_LIMIT) {
      chunk += ` ${quoted(value)}`;
      continue;
    }
    const size = encodeUtf8(value).length;
    // RFC 7888 4 and 5: no round trip where the backend takes the literal unasked.
    if (plus || (minus && size <= 4096)) {
      chunk += ` {${size}+}\r\n${value}`;
    } else {
      chunks.push(`${chunk} {${size}}\r\n`);
      chunk = value;
    }
  }
  chunks.push(`${chunk}\r\n`);
  await io.writeSecret(chunks.shift() ?? "");
  return await verdict(io, () => {
    const next = chunks.shift();
    if (next !== undefined) return Promise.resolve(next);
    throw new BackendFailure("auth", "backend: unexpected continuation");
  }, "");
}

/** RFC 5530 3: codes that say nothing about the credentials. */
const TEMPORARY = /^\[(UNAVAILABLE|LIMIT|INUSE|SERVERBUG)\b/i;

/**
 * Read until the tagged response, answering continuations on the way. `end` follows each answer:
 * CRLF in an exchange, nothing behind the data of a literal, which has its own.
 */
async function verdict(
  io: BackendIo,
  answer: Answer,
  end = "\r\n",
): Promise<BackendVerdict> {
  const reader: ResponseReader = new ResponseReader(io, "auth");
  const before: string[] = [];
  for (let challenges = 0;;) {
    const response = await reader.next(TAG);
    switch (response.kind) {
      case "untagged":
        reader.refuseBye(response.text);
        before.push(`* ${response.text}`);
        break;
      case "continuation":
        if (++challenges > CHALLENGE_LIMIT) reader.fail("too many challenges");
        await io.writeSecret(`${await answer(response.text) ?? "*"}${end}`);
        break;
      case "tagged": {
        const { status, text } = response;
        if (status === "OK") {
          return { kind: "accepted", reply: { text, before } };
        }
        return {
          kind: "refused",
          lines: [...before, `${status} ${text}`],
          temporary: TEMPORARY.test(text),
        };
      }
    }
  }
}
