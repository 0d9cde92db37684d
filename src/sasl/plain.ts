import type { PasswordCredentials } from "./credentials.ts";
import { passwordCredentials } from "./password.ts";
import { decodeUtf8, encodeUtf8 } from "./text.ts";

/** The message of RFC 4616: `[authzid] NUL authcid NUL passwd`. It carries the password. */
export function encodePlain(credentials: PasswordCredentials): Uint8Array {
  const { authzid, authcid, password } = credentials;
  return encodeUtf8(`${authzid}\0${authcid}\0${password.reveal()}`);
}

/** Null when the message does not have exactly three fields of clean UTF-8. */
export function decodePlain(message: Uint8Array): PasswordCredentials | null {
  const [authzid, authcid, password, ...more] =
    decodeUtf8(message)?.split("\0") ?? [];
  if (
    authzid === undefined || authcid === undefined || password === undefined ||
    more.length > 0
  ) return null;
  return passwordCredentials(authcid, password, authzid);
}
