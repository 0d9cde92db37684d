/**
 * OAUTHBEARER (RFC 7628) and XOAUTH2: key/value pairs between %x01, one of which is the token. Both
 * are replayed as they came; decoding is for routing only.
 */
import { Secret, type TokenCredentials } from "./credentials.ts";
import { decodeUtf8, encodeUtf8 } from "./text.ts";

const SEPARATOR = "\x01";
// RFC 7628 3.1: value = *(VCHAR / SP / HTAB / CR / LF).
const VALUE = /^[\t\n\r\x20-\x7e]*$/;
// RFC 6750 2.1, liberal in the token itself: a backend knows its own tokens. Empty: RFC 7628 4.3.
const BEARER = /^(?:bearer +([\x21-\x7e]+))?$/i;
// RFC 5801 4: the flag "p" promises channel binding, which cannot be kept across a proxy.
const GS2_HEADER = /^[ny],(?:a=([^,]*))?,$/;

/** The client's answer to an error challenge (RFC 7628 3.2.3); ends the failed exchange. */
export const BEARER_ERROR_ANSWER: Uint8Array = encodeUtf8(SEPARATOR);

/** Null when the message is malformed, binds a channel, or has no `auth`. */
export function decodeOauthBearer(
  message: Uint8Array,
): TokenCredentials | null {
  const text = decodeUtf8(message);
  if (text === null) return null;
  const headerEnd = text.indexOf(SEPARATOR);
  const header = GS2_HEADER.exec(text.slice(0, Math.max(headerEnd, 0)));
  if (header === null) return null;
  const user = decodeSaslName(header[1] ?? "");
  const pairs = decodePairs(text.slice(headerEnd + 1));
  if (user === null || pairs === null) return null;
  return tokenCredentials("OAUTHBEARER", user, pairs, text);
}

/**
 * Google's and Microsoft's documented form: `user=…^Aauth=Bearer …^A^A`. Null when the message is malformed
 * or has no `auth`.
 */
export function decodeXoauth2(message: Uint8Array): TokenCredentials | null {
  const text = decodeUtf8(message);
  if (text === null) return null;
  const pairs = decodePairs(text);
  if (pairs === null) return null;
  return tokenCredentials("XOAUTH2", pairs.get("user") ?? "", pairs, text);
}

function tokenCredentials(
  mechanism: TokenCredentials["mechanism"],
  user: string,
  pairs: ReadonlyMap<string, string>,
  response: string,
): TokenCredentials | null {
  const auth = BEARER.exec(pairs.get("auth") ?? "-");
  if (auth === null) return null;
  return {
    kind: "token",
    mechanism,
    user,
    token: new Secret(auth[1] ?? ""),
    response: new Secret(response),
  };
}

/** `*(key "=" value %x01) %x01`; a key that comes twice is refused, for the backend might take the other. */
function decodePairs(text: string): ReadonlyMap<string, string> | null {
  const fields = text.split(SEPARATOR);
  // The last pair's separator and the closing one leave two empty fields.
  if (fields.pop() !== "" || fields.pop() !== "") return null;
  const pairs = new Map<string, string>();
  for (const field of fields) {
    const equals = field.indexOf("=");
    const key = field.slice(0, Math.max(equals, 0));
    const value = field.slice(equals + 1);
    if (!/^[A-Za-z]+$/.test(key) || pairs.has(key)) return null;
    // XOAUTH2 names are addresses and may be international; everything else is ASCII.
    if (key !== "user" && !VALUE.test(value)) return null;
    pairs.set(key, value);
  }
  return pairs;
}

/** RFC 5801 4: saslname with `=2C` for a comma and `=3D` for an equals sign. */
function decodeSaslName(name: string): string | null {
  if (/=(?!2C|3D)/.test(name)) return null;
  return name.replaceAll("=2C", ",").replaceAll("=3D", "=");
}
