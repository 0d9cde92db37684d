/** Base64 as SASL profiles carry it (RFC 4648 section 4), and base64url as tokens carry it (section 5). */
import { textBytes } from "./text.ts";

// One text for each value: full quartets, padding present, unused bits zero (RFC 4648 3.5).
const CANONICAL =
  /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?$/;
const URL_SAFE = /^[A-Za-z0-9_-]*={0,2}$/;

/** Encode with padding and without line breaks. */
export function encodeBase64(bytes: Uint8Array): string {
  return bytes.toBase64();
}

/** Decode strictly; null for anything that `encodeBase64` would not have written. */
export function decodeBase64(text: string): Uint8Array | null {
  return CANONICAL.test(text) ? textBytes(atob(text)) : null;
}

/** Decode base64url, padded or not; null when it is none. */
export function decodeBase64Url(text: string): Uint8Array | null {
  if (!URL_SAFE.test(text)) return null;
  try {
    return textBytes(atob(text.replaceAll("-", "+").replaceAll("_", "/")));
  } catch {
    return null;
  }
}
