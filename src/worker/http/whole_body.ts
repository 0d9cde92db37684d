import type { LineReader } from "../../net/line_reader.ts";
import { ChunkScanner } from "../../protocols/http/chunks.ts";
import { HttpFault } from "../../protocols/http/fault.ts";
import type { Framing } from "../../protocols/http/framing.ts";
import { SessionEnd } from "../../protocols/session_end.ts";

/** What the framing of a small body may add to it: lines of chunks, if they are not made of single octets. */
const FRAMING_SHARE = 8;

/**
 * A request's body without its framing; it stays in `reader`, to be passed on. Throws HttpFault 413 when it
 * is longer than `cap`, SessionEnd when the client leaves. `proceed` has the client send it, unless it says
 * itself that it is too long.
 */
export async function wholeBody(
  reader: LineReader,
  framing: Framing,
  cap: number,
  proceed: () => Promise<void> = () => Promise.resolve(),
): Promise<Uint8Array> {
  const length = framing.kind === "length" ? framing.length : 0;
  if (length > cap) throw tooLong(cap);
  await proceed();
  if (framing.kind !== "chunked") {
    while (reader.buffered < length) await more(reader);
    return reader.view.slice(0, length);
  }
  const parts: Uint8Array[] = [];
  let size = 0;
  let scanned = 0;
  const scanner = new ChunkScanner(400, (data) => {
    size += data.length;
    if (size > cap) throw tooLong(cap);
    parts.push(data.slice());
  });
  for (;;) {
    scanned += scanner.scan(reader.view.subarray(scanned));
    if (scanner.done) break;
    if (scanned > cap * FRAMING_SHARE + 4096) throw tooLong(cap);
    await more(reader);
  }
  const body = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    body.set(part, at);
    at += part.length;
  }
  return body;
}

async function more(reader: LineReader): Promise<void> {
  if (!await reader.more()) throw new SessionEnd("client-closed");
}

function tooLong(cap: number): HttpFault {
  return new HttpFault(
    413,
    `the body is longer than body_extract_cap (${cap} bytes)`,
  );
}
