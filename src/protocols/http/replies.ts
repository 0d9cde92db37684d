/** Answers of the proxy's own. Each is the last one of its connection. */
import { octetsOf } from "./octets.ts";

interface Words {
  readonly reason: string;
  /** What a person reads who sees it. */
  readonly line: string;
  /** A field besides those that all have. */
  readonly field?: string;
}

/** Status code to what is said with it. */
const WORDS: Record<number, Words> = {
  400: { reason: "Bad Request", line: "The request is malformed." },
  404: { reason: "Not Found", line: "Nothing is served at this path." },
  405: {
    reason: "Method Not Allowed",
    line: "The method is not served.",
    field: "Allow: DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT",
  },
  408: { reason: "Request Timeout", line: "The request took too long." },
  413: { reason: "Content Too Large", line: "The body is too large." },
  417: {
    reason: "Expectation Failed",
    line: "The only expectation that is met is 100-continue.",
  },
  421: {
    reason: "Misdirected Request",
    line: "This is served on another connection; please connect again.",
  },
  429: {
    reason: "Too Many Requests",
    line: "Too many requests or failed logins; please try again later.",
    field: "Retry-After: 60",
  },
  431: {
    reason: "Request Header Fields Too Large",
    line: "The head of the request is too large.",
  },
  500: { reason: "Internal Server Error", line: "The proxy failed." },
  501: {
    reason: "Not Implemented",
    line: "The only transfer coding that is served is chunked.",
  },
  502: { reason: "Bad Gateway", line: "The server behind the proxy failed." },
  503: {
    reason: "Service Unavailable",
    line: "The service is not available now; please try again later.",
    field: "Retry-After: 10",
  },
  504: {
    reason: "Gateway Timeout",
    line: "The server behind the proxy took too long.",
  },
  505: {
    reason: "HTTP Version Not Supported",
    line: "The only version that is served is HTTP/1.1.",
  },
};

/** RFC 9110 15.2.1 */
export const CONTINUE: Uint8Array = octetsOf("HTTP/1.1 100 Continue\r\n\r\n");

/**
 * A whole answer, after which the connection is closed. An answer to HEAD has no body. A status that the
 * proxy never answers with becomes 500.
 */
export function ownReply(status: number, method = "GET"): Uint8Array {
  const known = status in WORDS ? status : 500;
  const { reason, line, field } = WORDS[known]!;
  // What is refused now may be served in a moment: nobody is to remember it.
  const lines = [
    `HTTP/1.1 ${known} ${reason}`,
    `Date: ${new Date().toUTCString()}`,
    "Content-Type: text/plain; charset=utf-8",
    `Content-Length: ${line.length + 1}`,
    "Cache-Control: no-store",
    ...(field === undefined ? [] : [field]),
    "Connection: close",
    "",
    method === "HEAD" ? "" : `${line}\n`,
  ];
  return octetsOf(lines.join("\r\n"));
}
