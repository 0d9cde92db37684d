/** Text as credentials carry it: UTF-8, both ways without loss. */

const encoder = new TextEncoder();
// ignoreBOM keeps U+FEFF, so that what is decoded encodes to the same bytes again.
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

const SEPARATOR = /[\0\r\n]/;

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

/** One character for each byte, as protocols read what need not be UTF-8. Spreading bytes is six times slower. */
export function byteText(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at++) {
    text += String.fromCharCode(bytes[at]!);
  }
  return text;
}

/** The inverse of `byteText`; characters above U+00FF lose what does not fit. */
export function textBytes(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < bytes.length; at++) bytes[at] = text.charCodeAt(at);
  return bytes;
}

/** NUL or a line end: what would start another field or command where the text is replayed. */
export function hasSeparator(text: string): boolean {
  return SEPARATOR.test(text);
}
