/** The server's side of a SASL exchange, the same in every protocol (RFC 4422 section 3). */
import type { Mechanism } from "../port/snapshot.ts";
import { decodeBase64, encodeBase64 } from "./base64.ts";
import { decodeOauthBearer, decodeXoauth2 } from "./bearer.ts";
import type { Credentials } from "./credentials.ts";
import { LOGIN_CHALLENGES } from "./login.ts";
import { passwordCredentialsFromBytes } from "./password.ts";
import { decodePlain } from "./plain.ts";
import { encodeUtf8 } from "./text.ts";

/** Bytes of base64 that one answer may have (spec section 3). */
export const SASL_DATA_LIMIT = 12 * 1024;

const MECHANISMS: ReadonlySet<string> = new Set<Mechanism>([
  "PLAIN",
  "LOGIN",
  "OAUTHBEARER",
  "XOAUTH2",
]);
const EMPTY = new Uint8Array(0);

/** The mechanism of that name in any case; null when the proxy has none such. */
export function mechanismNamed(name: string): Mechanism | null {
  const upper = name.toUpperCase();
  return MECHANISMS.has(upper) ? upper as Mechanism : null;
}

/**
 * Sends a challenge (base64) in the protocol's form and gives back the client's answer as it stands,
 * `*` included; null when the client went away.
 */
export type Ask = (challenge: string) => Promise<string | null>;

/** `aborted`: the client sent `*`; `closed`: it went away. */
export type ExchangeFailure = "aborted" | "malformed" | "too-long" | "closed";

export type ExchangeResult =
  | { readonly credentials: Credentials }
  | { readonly failure: ExchangeFailure };

/**
 * Run one exchange to its end. `initial` is the initial response in base64 (`""` for an empty one,
 * the protocol's `=` already taken off), null when the client sent none.
 */
export async function serverExchange(
  mechanism: Mechanism,
  initial: string | null,
  ask: Ask,
): Promise<ExchangeResult> {
  const challenges = mechanism === "LOGIN" ? LOGIN_CHALLENGES : [""];
  const answers: Uint8Array[] = [];
  for (const challenge of challenges) {
    // An initial response is the answer to the first challenge (RFC 4422 3.3).
    const answer = answers.length === 0 && initial !== null
      ? readAnswer(initial)
      : readAnswer(await ask(encodeBase64(encodeUtf8(challenge))), true);
    if (typeof answer === "string") return { failure: answer };
    answers.push(answer);
  }
  const credentials = decode(mechanism, answers);
  return credentials === null ? { failure: "malformed" } : { credentials };
}

function readAnswer(
  text: string | null,
  mayAbort = false,
): Uint8Array | ExchangeFailure {
  if (text === null) return "closed";
  if (mayAbort && text === "*") return "aborted";
  if (text.length > SASL_DATA_LIMIT) return "too-long";
  return decodeBase64(text) ?? "malformed";
}

function decode(
  mechanism: Mechanism,
  answers: readonly Uint8Array[],
): Credentials | null {
  const [first = EMPTY, second = EMPTY] = answers;
  switch (mechanism) {
    case "PLAIN":
      return decodePlain(first);
    case "LOGIN":
      return passwordCredentialsFromBytes(first, second);
    case "OAUTHBEARER":
      return decodeOauthBearer(first);
    case "XOAUTH2":
      return decodeXoauth2(first);
  }
}
