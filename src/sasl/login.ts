import type { PasswordCredentials } from "./credentials.ts";
import { encodeUtf8 } from "./text.ts";

/** What a server asks for in the LOGIN mechanism (draft-murchison-sasl-login), in this order. */
export const LOGIN_CHALLENGES = ["Username:", "Password:"] as const;

/** The answers to the two challenges. The second one carries the password. */
export function encodeLogin(
  credentials: PasswordCredentials,
): readonly [Uint8Array, Uint8Array] {
  return [
    encodeUtf8(credentials.authcid),
    encodeUtf8(credentials.password.reveal()),
  ];
}
