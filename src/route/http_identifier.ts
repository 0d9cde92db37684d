/** Where an HTTP request names its account. */
import type { Regex } from "../config/regex.ts";
import { decodeBase64 } from "../sasl/base64.ts";
import { decodeUtf8, textBytes } from "../sasl/text.ts";
import { identifierOfToken } from "./identifier.ts";

/** What of a request may name an account: the query without `?`, and fields by their name in lower case. */
export interface NamingRequest {
  readonly query: string;
  readonly fields: { all(name: string): readonly string[] };
}

const CREDENTIALS = /^([A-Za-z]+) +([A-Za-z0-9._~+/-]+=*)$/;

/** The user of Basic in lower case, or whom the token of Bearer names; null for none. */
export function identifierOfAuthorization(
  value: string,
  jwtClaim: string,
): string | null {
  const [, scheme, credentials] = CREDENTIALS.exec(value) ?? [];
  if (credentials === undefined) return null;
  switch (scheme!.toLowerCase()) {
    case "basic":
      return userOfBasic(credentials);
    case "bearer":
      return identifierOfToken(credentials, jwtClaim) || null;
    default:
      return null;
  }
}

/** RFC 7617 2: what is in front of the first colon. A user in another charset than UTF-8 is none. */
function userOfBasic(credentials: string): string | null {
  const unpadded = credentials.replace(/=+$/, "");
  const missing = (4 - unpadded.length % 4) % 4;
  const bytes = decodeBase64(unpadded + "=".repeat(missing));
  const pair = bytes === null ? null : decodeUtf8(bytes);
  const colon = pair?.indexOf(":") ?? -1;
  return colon > 0 ? pair!.slice(0, colon).toLowerCase() : null;
}

/**
 * The first parameter of that name. A plus sign stands for itself and not for a blank, as in the
 * management API: an account may have the one and never the other.
 */
export function identifierInQuery(query: string, name: string): string | null {
  for (const parameter of query.split("&")) {
    const equals = parameter.indexOf("=");
    if (equals < 0 || percentDecoded(parameter.slice(0, equals)) !== name) {
      continue;
    }
    return percentDecoded(parameter.slice(equals + 1)) || null;
  }
  return null;
}

/** A field that comes more than once names nobody: which one a backend believes is not known. */
export function onlyValue(values: readonly string[]): string | null {
  return values.length === 1 ? values[0]! : null;
}

/** The octets of a field's value as UTF-8; null for nothing, or when they are none. */
export function identifierInField(value: string | null): string | null {
  return value === null ? null : utf8Of(value.trim()) || null;
}

/** What a body says that begins with these bytes; what is not UTF-8 in it does not count. */
export function identifierInBody(
  body: Uint8Array,
  regex: Regex,
): string | null {
  return regex.firstGroup(new TextDecoder().decode(body)) || null;
}

/** Null when it is not UTF-8. A percent sign without two digits stands for itself. */
function percentDecoded(text: string): string | null {
  return utf8Of(
    text.replace(
      /%([0-9a-f]{2})/gi,
      (_, digits) => String.fromCharCode(parseInt(digits, 16)),
    ),
  );
}

/** From one character for each octet. */
function utf8Of(octets: string): string | null {
  return decodeUtf8(textBytes(octets));
}
