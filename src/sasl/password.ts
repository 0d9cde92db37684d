import { type PasswordCredentials, Secret } from "./credentials.ts";
import { decodeUtf8, hasControl } from "./text.ts";

/**
 * Password credentials from a protocol's own fields; null when a field has a control character. A
 * NUL would become a field separator once LOGIN is replayed as PLAIN (RFC 4616), a line end another
 * command.
 */
export function passwordCredentials(
  authcid: string,
  password: string,
  authzid = "",
): PasswordCredentials | null {
  if (hasControl(authcid) || hasControl(password) || hasControl(authzid)) {
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
