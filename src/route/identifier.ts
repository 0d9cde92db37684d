/**
 * From credentials to the key that an account is routed by (spec section 3, "Identifier"). Workers
 * and the management API use the same functions, or an account could be kicked under another name
 * than it was routed by.
 */
import { decodeBase64Url } from "../sasl/base64.ts";
import type { Credentials } from "../sasl/credentials.ts";
import { decodeUtf8, encodeUtf8 } from "../sasl/text.ts";

/** Longest identifier in bytes of UTF-8: a local part of 64, `@`, a domain of 255 (RFC 5321 4.5.3.1). */
const IDENTIFIER_LIMIT = 320;

/** No account can have this identifier. The message says what is wrong and never shows it. */
export class InvalidIdentifier extends Error {
  override readonly name = "InvalidIdentifier";
}

/** The part of a snapshot that decides on route keys. */
export interface RouteKeyRules {
  readonly normalize: "none" | "lowercase";
  readonly masterUserSeparators: readonly string[];
}

/** Nearly every identifier, which needs no closer look. */
const PLAIN = /^[!#-~]{1,320}$/;
// White space would split a line of a mapping file; an apostrophe is a legal part of an address.
const FORBIDDEN = /[\p{Cc}\s"]/u;
const FALLBACK_CLAIMS = [
  "email",
  "preferred_username",
  "upn",
  "unique_name",
  "sub",
];

/**
 * What the account is looked up by, as the client gave it: not validated, not normalized, "" when
 * the credentials name nobody. `jwtClaim` is `[oauth] jwt_username_claim`.
 */
export function identifierOf(
  credentials: Credentials,
  jwtClaim: string,
): string {
  if (credentials.kind === "password") return credentials.authcid;
  if (credentials.user !== "") return credentials.user;
  return identifierOfToken(credentials.token.reveal(), jwtClaim);
}

/** The address that a token names, unverified: the backend verifies it (spec section 3); "" for none. */
export function identifierOfToken(token: string, jwtClaim: string): string {
  const [head, body, footer, ...more] = token.split(".");
  if (body === undefined || footer === undefined || more.length > 0) return "";
  if (head === "sw1") return decodePart(footer) ?? "";
  const claims = parseClaims(decodePart(body));
  for (const claim of [jwtClaim, ...FALLBACK_CLAIMS]) {
    const value = Object.hasOwn(claims, claim) ? claims[claim] : undefined;
    if (typeof value === "string" && value.includes("@")) return value;
  }
  return "";
}

/** Throws InvalidIdentifier for an identifier that is refused everywhere. */
export function checkIdentifier(identifier: string): void {
  if (PLAIN.test(identifier)) return;
  if (identifier === "") throw new InvalidIdentifier("identifier is empty");
  // A lone surrogate has no UTF-8; two different ones would become the same bytes in a store.
  if (FORBIDDEN.test(identifier) || !identifier.isWellFormed()) {
    throw new InvalidIdentifier(
      "identifier has a control character, white space or a quote",
    );
  }
  if (
    identifier.length > IDENTIFIER_LIMIT ||
    encodeUtf8(identifier).length > IDENTIFIER_LIMIT
  ) {
    throw new InvalidIdentifier(
      `identifier is longer than ${IDENTIFIER_LIMIT} bytes`,
    );
  }
}

export function normalizeIdentifier(
  identifier: string,
  mode: RouteKeyRules["normalize"],
): string {
  return mode === "lowercase" ? identifier.toLowerCase() : identifier;
}

/** The mailbox owner of `owner<separator>master`: cut where the first separator of any kind stands. */
export function stripMasterUser(
  identifier: string,
  separators: readonly string[],
): string {
  let end = identifier.length;
  for (const separator of separators) {
    const at = identifier.indexOf(separator);
    if (at >= 0 && at < end) end = at;
  }
  return identifier.slice(0, end);
}

/**
 * The key that caches, stores, holds and kicks know an account by. Throws InvalidIdentifier, also
 * when nothing is left in front of the separator.
 */
export function routeKey(identifier: string, rules: RouteKeyRules): string {
  checkIdentifier(identifier);
  const key = stripMasterUser(
    normalizeIdentifier(identifier, rules.normalize),
    rules.masterUserSeparators,
  );
  checkIdentifier(key);
  return key;
}

function decodePart(part: string): string | null {
  const bytes = decodeBase64Url(part);
  return bytes === null ? null : decodeUtf8(bytes);
}

function parseClaims(json: string | null): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(json ?? "");
    return typeof value === "object" && value !== null
      ? value as Record<string, unknown>
      : {};
  } catch {
    return {};
  }
}
