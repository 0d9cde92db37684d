/** Finds the end of heads and trailer sections, and what cannot become one as soon as it is seen. */
import type { LineReader } from "../../net/line_reader.ts";
import { HttpFault } from "./fault.ts";
import { CR, isTextOctet, LF, strayControl } from "./octets.ts";

/** RFC 9112 2.2: empty lines in front of a request are passed over, but not for ever. */
const EMPTY_LINES = 4;

/**
 * The next head, consumed, where all of it waits in `reader`, as nearly always: a view, which holds until
 * more is read. Null where `readHead` has to be asked. Control characters in it are left to the parser.
 */
export function takeHead(reader: LineReader, limit: number): Uint8Array | null {
  const view = reader.view;
  let at = view.indexOf(CR);
  if (at === 0) return null;
  for (; at > 0; at = view.indexOf(CR, at + 2)) {
    if (
      view[at + 1] === LF && view[at + 2] === CR && view[at + 3] === LF
    ) {
      const end = at + 4;
      if (end > limit) return null;
      reader.skip(end);
      return view.subarray(0, end);
    }
  }
  return null;
}

/**
 * The next head, up to and including its empty line; null when the stream ended before its first byte.
 * A few empty lines in front of a request are passed over. Throws HttpFault: 431 (a response: 502) over
 * `limit` bytes, 400 (502) for a bare LF or CR or another control character as soon as it is seen, or
 * for a stream that ends in the middle.
 */
export async function readHead(
  reader: LineReader,
  limit: number,
  side: "request" | "response",
): Promise<Uint8Array | null> {
  const isRequest = side === "request";
  for (let skipped = 0;;) {
    if (reader.buffered === 0 && !await reader.more()) return null;
    if (!isRequest || reader.view[0] !== CR || skipped === EMPTY_LINES) break;
    if (reader.buffered === 1) await reader.more();
    // Without its LF it is the business of what follows.
    if (reader.view[1] !== LF) break;
    reader.skip(2);
    skipped++;
  }
  const status = isRequest ? 400 : 502;
  const head = await readSection(reader, limit, status, isRequest ? 431 : 502);
  if (head.length === 2) throw new HttpFault(status, "an empty head");
  return head;
}

/**
 * Lines up to and including an empty one, `limit` bytes at the most. Throws HttpFault: `tooLong` beyond
 * that, `status` for control characters and for a stream that ends before.
 */
export async function readSection(
  reader: LineReader,
  limit: number,
  status: number,
  tooLong: number,
): Promise<Uint8Array> {
  let at = 0;
  let lineStart = 0;
  for (;;) {
    const view = reader.view;
    const stop = Math.min(view.length, limit);
    for (; at < stop; at++) {
      const octet = view[at]!;
      if (isTextOctet(octet)) continue;
      if (octet !== CR) throw strayControl(octet, status);
      if (at + 1 === stop) break;
      if (view[at + 1] !== LF) throw strayControl(CR, status);
      const isEmpty = at === lineStart;
      at++;
      lineStart = at + 1;
      if (isEmpty) return (await reader.readBytes(lineStart))!;
    }
    if (view.length >= limit) {
      throw new HttpFault(tooLong, `a head of more than ${limit} bytes`);
    }
    if (!await reader.more()) {
      throw new HttpFault(status, "a head without an end");
    }
  }
}
