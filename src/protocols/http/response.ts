/** The head of a response (RFC 9112 4 and 5). */
import { HttpFault } from "./fault.ts";
import { type Fields, parseFields } from "./fields.ts";
import { sectionText } from "./octets.ts";

export interface ResponseHead {
  /** 0 for HTTP/1.0 */
  readonly minor: 0 | 1;
  readonly status: number;
  readonly reason: string;
  readonly fields: Fields;
}

// Many servers leave out the space in front of an empty reason.
const STATUS_LINE = /^HTTP\/1\.([01]) ([1-5][0-9]{2})(?: (.*))?$/;

/** `bytes` reach from the status line to the empty line, both included. Throws HttpFault 502. */
export function parseResponseHead(bytes: Uint8Array): ResponseHead {
  const text = sectionText(bytes, 502);
  const end = text.indexOf("\r\n");
  const [, minor, status, reason = ""] = STATUS_LINE.exec(text.slice(0, end)) ??
    [];
  if (status === undefined) {
    throw new HttpFault(502, "a status line that is none");
  }
  return {
    minor: minor === "0" ? 0 : 1,
    status: Number(status),
    reason,
    fields: parseFields(text, end + 2, 502),
  };
}
