/** By which SASL exchange a login is replayed to a backend, the same in every protocol. */
import type { Mechanism } from "../port/snapshot.ts";
import { decodeBase64, encodeBase64 } from "../sasl/base64.ts";
import { BEARER_ERROR_ANSWER } from "../sasl/bearer.ts";
import type { PasswordCredentials } from "../sasl/credentials.ts";
import { encodePlain } from "../sasl/plain.ts";
import { encodeUtf8 } from "../sasl/text.ts";
import type { BackendContext, BackendIo, Login } from "./protocol.ts";

/** An OAuth error is one challenge (RFC 7628 3.2.3); a backend that goes on is not followed for ever. */
export const CHALLENGE_LIMIT = 3;

export interface SaslReplay {
  readonly mechanism: Mechanism;
  /** The initial response in base64. It carries the credentials. */
  readonly message: string;
  /** The answer, in base64, to a challenge that came instead of a verdict; null cancels the exchange. */
  answer(challenge: string): Promise<string | null>;
}

/** Null when the backend does not offer what this login needs. */
export function saslReplay(
  context: BackendContext,
  login: Login,
  offered: (mechanism: Mechanism) => boolean,
): SaslReplay | null {
  const { credentials } = login;
  if (credentials.kind === "password") {
    if (!offered("PLAIN")) return null;
    return {
      mechanism: "PLAIN",
      message: encodeBase64(encodePlain(credentials)),
      // PLAIN has no challenge of its own (RFC 4616 2): a second one is cancelled.
      answer: () => Promise.resolve(null),
    };
  }
  const { mechanism, response } = credentials;
  if (!offered(mechanism)) return null;
  return {
    mechanism,
    message: encodeBase64(encodeUtf8(response.reveal())),
    async answer(challenge) {
      // The error's details are among what hide_auth_errors hides.
      if (context.leg.hideAuthErrors) return encodeBase64(BEARER_ERROR_ANSWER);
      const data = decodeBase64(challenge);
      const answer = data === null ? null : await login.challenge(data);
      return answer === null ? null : encodeBase64(answer);
    },
  };
}

/**
 * Send AUTH as POP3 and submission have it (RFC 5034 4, RFC 4954 4): with the initial response where
 * the line is within `limit` octets, CRLF included, else behind the first continuation. What comes
 * back answers the challenges that follow.
 */
export async function sendAuth(
  io: BackendIo,
  { mechanism, message, answer }: SaslReplay,
  limit: number,
): Promise<SaslReplay["answer"]> {
  const inline = `AUTH ${mechanism} ${message === "" ? "=" : message}\r\n`;
  if (inline.length <= limit) {
    await io.writeSecret(inline);
    return answer;
  }
  await io.write(`AUTH ${mechanism}\r\n`);
  let sent = false;
  return (challenge) => {
    if (sent) return answer(challenge);
    sent = true;
    return Promise.resolve(message);
  };
}

/** True for a login that asks to act as somebody else, for which a protocol's own command has no field. */
export function actsAsAnother(credentials: PasswordCredentials): boolean {
  const { authzid, authcid } = credentials;
  return authzid !== "" && authzid !== authcid;
}
