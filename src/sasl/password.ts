import { type PasswordCredentials, Secret } from "./credentials.ts";
import { decodeUtf8, hasSeparator } from "./text.ts";

/**
 * Password credentials from a protocol's own fields; null when a field has a NUL or line end. A
 * NUL would become a field separator once LOGIN is replayed as PLAIN (RFC 4616), a line end another
 * command. What else makes a name impossible is route/identifier.ts's to say.
 */
export function passwordCredentials(
  authcid: string,
  password: string,
  authzid = "",
): PasswordCredentials | null {
  if (
    hasSeparator(authcid) || hasSeparator(password) || hasSeparator(authzid)
  ) {
    return null;
  }
  return {
    kind: "password",
    authcid,
    authzid,
    password: new Secret(password),
  };
}

/** The same from fields as they came; null also when one is not UTF-8. */
export function passwordCredentialsFromBytes(
  authcid: Uint8Array,
  password: Uint8Array,
): PasswordCredentials | null {
  const name = decodeUtf8(authcid);
  const secret = decodeUtf8(password);
  return name === null || secret === null
    ? null
    : passwordCredentials(name, secret);
}
