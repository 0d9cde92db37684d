/** Octets of heads: which may stand where, and their text, one character for each (latin-1). */
import { byteText } from "../../sasl/text.ts";
import { HttpFault } from "./fault.ts";

export const CR = 13;
export const LF = 10;
const TAB = 9;
const SPACE = 32;

const decoder = new TextDecoder();
const encoder = new TextEncoder();

function table(pattern: RegExp): Uint8Array {
  return Uint8Array.from(
    { length: 256 },
    (_, code) => pattern.test(String.fromCharCode(code)) ? 1 : 0,
  );
}

const ASCII = /^[\0-\x7f]*$/;

/** RFC 9110 5.6.2: tchar */
const TOKEN = table(/[-!#$%&'*+.^_`|~0-9A-Za-z]/);
/** RFC 9110 5.5: what a field value is made of, and a request line and a reason phrase as well. */
const TEXT = table(/[\t\x20-\x7e\x80-\xff]/);

export function isTextOctet(octet: number): boolean {
  return TEXT[octet] === 1;
}

export function isToken(text: string): boolean {
  return text.length > 0 && tokenEnd(text, 0) === text.length;
}

/** Where the token that begins at `at` ends; `at` itself when there is none. */
export function tokenEnd(text: string, at: number): number {
  while (at < text.length && TOKEN[text.charCodeAt(at)] === 1) at++;
  return at;
}

/** The part without spaces and tabs around it (RFC 9110 5.6.3, OWS). */
export function withoutSpace(text: string, start: number, end: number): string {
  while (start < end && isSpace(text.charCodeAt(start))) start++;
  while (end > start && isSpace(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

function isSpace(code: number): boolean {
  return code === SPACE || code === TAB;
}

/**
 * The text of a head or trailer section. Line ends are CRLF, the last line is empty, and there is no
 * other control character than tab; else throws HttpFault with `status`.
 */
export function sectionText(bytes: Uint8Array, status: number): string {
  let seen = 0;
  for (let at = 0; at < bytes.length; at++) {
    const octet = bytes[at]!;
    seen |= octet;
    if (TEXT[octet] === 1) continue;
    if (octet !== CR || bytes[++at] !== LF) throw strayControl(octet, status);
  }
  // The decoder is several times faster, but gives these characters for ASCII only: what it calls
  // latin-1 is windows-1252.
  const text = seen < 0x80 ? decoder.decode(bytes) : byteText(bytes);
  if (text !== "\r\n" && !text.endsWith("\r\n\r\n")) {
    throw new HttpFault(status, "no empty line at the end of the head");
  }
  return text;
}

/** The fault of an octet that is neither text nor part of a CRLF. */
export function strayControl(octet: number, status: number): HttpFault {
  const what = octet === LF
    ? "a bare LF"
    : octet === CR
    ? "a bare CR"
    : `the control character 0x${octet.toString(16).padStart(2, "0")}`;
  return new HttpFault(status, `${what} in the head`);
}

/** One octet for each character, all of them below U+0100, and `behind` after that. */
export function octetsOf(text: string, behind?: Uint8Array): Uint8Array {
  const octets = new Uint8Array(text.length + (behind?.length ?? 0));
  // The runtime's encoder is not to be relied on for how much of a text it has taken.
  if (ASCII.test(text)) encoder.encodeInto(text, octets);
  else {
    for (let at = 0; at < text.length; at++) octets[at] = text.charCodeAt(at);
  }
  if (behind !== undefined) octets.set(behind, text.length);
  return octets;
}
