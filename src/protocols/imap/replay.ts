/** Replaying a login to an IMAP backend (RFC 9051 6.2.2 and 6.2.3). */
import { decodeBase64, encodeBase64 } from "../../sasl/base64.ts";
import { BEARER_ERROR_ANSWER } from "../../sasl/bearer.ts";
import type {
  PasswordCredentials,
  TokenCredentials,
} from "../../sasl/credentials.ts";
import { encodePlain } from "../../sasl/plain.ts";
import { encodeUtf8 } from "../../sasl/text.ts";
import {
  type BackendContext,
  BackendFailure,
  type BackendIo,
  type BackendOffer,
  type BackendVerdict,
  type Login,
} from "../protocol.ts";
import { ResponseReader } from "./responses.ts";
import { isQuotable, LINE_LIMIT, quoted } from "./wire.ts";

const TAG = "A1";
// An OAuth error is one challenge (RFC 7628 3.2.3); a backend that goes on is not followed for ever.
const CHALLENGES = 3;
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
  const { credentials } = login;
  return credentials.kind === "token"
    ? replayToken(io, context, offer, login, credentials)
    : replayPassword(io, offer, credentials);
}

function replayPassword(
  io: BackendIo,
  offer: BackendOffer,
  credentials: PasswordCredentials,
): Promise<BackendVerdict> {
  if (offer.capabilities.has("AUTH=PLAIN")) {
    const message = encodeBase64(encodePlain(credentials));
    // PLAIN has no challenge of its own (RFC 4616 2): a second one is cancelled.
    return sasl(io, offer, "PLAIN", message, () => Promise.resolve(null));
  }
  // LOGIN has no field for another identity to act as.
  const { authzid, authcid } = credentials;
  if (authzid !== "" && authzid !== authcid) return cannot();
  if (offer.capabilities.has("LOGINDISABLED")) {
    throw new BackendFailure(
      "auth",
      "backend: neither AUTH=PLAIN nor LOGIN is offered",
    );
  }
  return replayLogin(io, offer, credentials);
}

function replayToken(
  io: BackendIo,
  context: BackendContext,
  offer: BackendOffer,
  login: Login,
  credentials: TokenCredentials,
): Promise<BackendVerdict> {
  const { mechanism, response } = credentials;
  if (!offer.capabilities.has(`AUTH=${mechanism}`)) return cannot();
  const message = encodeBase64(encodeUtf8(response.reveal()));
  return sasl(io, offer, mechanism, message, async (challenge) => {
    // The error's details are among what hide_auth_errors hides.
    if (context.leg.hideAuthErrors) return encodeBase64(BEARER_ERROR_ANSWER);
    const data = decodeBase64(challenge);
    const answer = data === null ? null : await login.challenge(data);
    return answer === null ? null : encodeBase64(answer);
  });
}

/** The client chose what this backend lacks: its login is refused, the backend is not at fault. */
function cannot(): Promise<BackendVerdict> {
  return Promise.resolve({ kind: "refused", lines: [CANNOT] });
}

async function sasl(
  io: BackendIo,
  offer: BackendOffer,
  mechanism: string,
  message: string,
  answer: Answer,
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
        if (++challenges > CHALLENGES) reader.fail("too many challenges");
        await io.writeSecret(`${await answer(response.text) ?? "*"}${end}`);
        break;
      case "tagged": {
        const { status, text } = response;
        if (status === "OK") {
          return { kind: "accepted", reply: { text, before } };
        }
        return { kind: "refused", lines: [...before, `${status} ${text}`] };
      }
    }
  }
}
