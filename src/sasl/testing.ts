/** Messages of clients that log in with a token. */
import { encodeUtf8 } from "./text.ts";

const SEPARATOR = "\x01";

/** RFC 7628 3.1. `pairs` are further ones, such as host and port. */
export function encodeOauthBearer(
  user: string,
  token: string,
  pairs: Readonly<Record<string, string>> = {},
): Uint8Array {
  const name = user.replaceAll("=", "=3D").replaceAll(",", "=2C");
  let text = `n,${user === "" ? "" : `a=${name}`},${SEPARATOR}`;
  for (const [key, value] of Object.entries(pairs)) {
    text += `${key}=${value}${SEPARATOR}`;
  }
  return encodeUtf8(`${text}auth=Bearer ${token}${SEPARATOR}${SEPARATOR}`);
}

/** Google's and Microsoft's documented form: `user=…^Aauth=Bearer …^A^A`. */
export function encodeXoauth2(user: string, token: string): Uint8Array {
  const name = user === "" ? "" : `user=${user}${SEPARATOR}`;
  return encodeUtf8(`${name}auth=Bearer ${token}${SEPARATOR}${SEPARATOR}`);
}
