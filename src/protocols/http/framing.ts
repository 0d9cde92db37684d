/** Where the body of a message ends (RFC 9112 6.3). What could be read in two ways is not forwarded. */
import { HttpFault } from "./fault.ts";
import { elements, type Fields } from "./fields.ts";
import { isToken } from "./octets.ts";
import type { RequestHead } from "./request.ts";
import type { ResponseHead } from "./response.ts";

export type Framing =
  | { readonly kind: "none" }
  | { readonly kind: "length"; readonly length: number }
  | { readonly kind: "chunked" }
  /** To the end of the connection; only a response. */
  | { readonly kind: "close" };

const LENGTH = /^[0-9]{1,16}$/;

const NONE: Framing = { kind: "none" };
const CHUNKED: Framing = { kind: "chunked" };
const CLOSE: Framing = { kind: "close" };

/** Throws HttpFault: 400, or 501 for a transfer coding other than chunked. */
export function requestFraming(
  request: Pick<RequestHead, "fields">,
): Framing {
  return declared(request.fields, 400) ?? NONE;
}

/** `method` of the request that is answered. Throws HttpFault 502. */
export function responseFraming(
  response: ResponseHead,
  method: string,
): Framing {
  const { status, fields, minor } = response;
  if (status < 200 || status === 204) return NONE;
  const framing = declared(fields, 502);
  // RFC 9112 6.1: HTTP/1.0 knows no transfer codings, so somebody on the way got it wrong.
  if (minor === 0 && fields.has("transfer-encoding")) {
    throw new HttpFault(502, "Transfer-Encoding with HTTP/1.0");
  }
  if (method === "HEAD" || status === 304) return NONE;
  return framing ?? CLOSE;
}

/** What Content-Length and Transfer-Encoding say; null without both. */
function declared(fields: Fields, status: 400 | 502): Framing | null {
  const lengths = fields.all("content-length");
  const codings = fields.all("transfer-encoding");
  if (codings.length > 0) {
    if (lengths.length > 0) {
      throw new HttpFault(status, "Content-Length with Transfer-Encoding");
    }
    requireChunked(codings, status);
    return CHUNKED;
  }
  if (lengths.length === 0) return null;
  return { kind: "length", length: oneLength(lengths, status) };
}

/** What Content-Length of a response says, whether or not a body follows; null without one. Throws HttpFault 502. */
export function lengthSaid(fields: Fields): number | null {
  const lengths = fields.all("content-length");
  return lengths.length === 0 ? null : oneLength(lengths, 502);
}

/** RFC 9110 8.6: one number; the same one several times counts as one. */
function oneLength(lines: readonly string[], status: number): number {
  if (lines.length === 1 && !lines[0]!.includes(",")) {
    return lengthOf(lines[0]!, status);
  }
  const [first, ...others] = elements(lines.join(","))
    .map((text) => lengthOf(text, status));
  if (others.some((other) => other !== first)) {
    throw new HttpFault(status, "two different lengths");
  }
  return first!;
}

function lengthOf(text: string, status: number): number {
  const length = LENGTH.test(text) ? Number(text) : NaN;
  if (Number.isSafeInteger(length)) return length;
  throw new HttpFault(status, "a Content-Length that is no length");
}

/** RFC 9112 6.1: chunked, once, and nothing else. */
function requireChunked(lines: readonly string[], status: 400 | 502): void {
  const codings = elements(lines.join(",").toLowerCase());
  if (codings.length === 1 && codings[0] === "chunked") return;
  const isNonsense = codings.some((coding) => !isToken(coding)) ||
    codings.slice(0, -1).includes("chunked");
  throw new HttpFault(
    status === 400 && !isNonsense ? 501 : status,
    "a Transfer-Encoding other than chunked",
  );
}

/**
 * Whether the sender keeps the connection open behind this message (RFC 9112 9.3). A request has no
 * `minor`: it is always HTTP/1.1.
 */
export function staysOpen(
  message: { readonly minor?: 0 | 1; readonly fields: Fields },
): boolean {
  const options = message.fields.connection;
  if (options.includes("close")) return false;
  return message.minor !== 0 || options.includes("keep-alive");
}
