/** Text as credentials carry it: UTF-8, both ways without loss. */

const encoder = new TextEncoder();
// ignoreBOM keeps U+FEFF, so that what is decoded encodes to the same bytes again.
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

// deno-lint-ignore no-control-regex -- control characters are what it looks for
const CONTROL = /[\x00-\x1f\x7f]/;

export function encodeUtf8(text: string): Uint8Array {
  return encoder.encode(text);
}

/** Null when the bytes are not UTF-8. */
export function decodeUtf8(bytes: Uint8Array): string | null {
  try {
    return decoder.decode(bytes);
  } catch {
    return null;
  }
}

/** NUL, line ends and their like: no user name or password may have one. */
export function hasControl(text: string): boolean {
  return CONTROL.test(text);
}
