import {
  type BackendContext,
  BackendFailure,
  type BackendIo,
  type BackendOffer,
} from "../protocol.ts";
import { HttpFault } from "./fault.ts";
import { readHead } from "./head_reader.ts";
import { octetsOf } from "./octets.ts";
import { parseResponseHead } from "./response.ts";

/** A probe's answer has no reason to be longer. */
const HEAD_LIMIT = 65536;

/**
 * Ask a backend, of which a client's requests are not known yet, whether it speaks HTTP: by OPTIONS for the
 * server as a whole (RFC 9110 9.3.7). Throws BackendFailure.
 */
export async function openBackend(
  io: BackendIo,
  { leg }: Pick<BackendContext, "leg">,
): Promise<BackendOffer> {
  const host = leg.trust.serverName || leg.host;
  await io.write(
    octetsOf(
      `OPTIONS * HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
    ),
  );
  try {
    const head = await readHead(io.reader, HEAD_LIMIT, "response");
    if (head === null) {
      throw new BackendFailure("response", "closed without an answer");
    }
    const { status, reason } = parseResponseHead(head);
    const greeting = `${status} ${reason}`.trimEnd();
    // What came in front of the request, a PROXY header, was none of its protocol.
    if (status === 400) throw new BackendFailure("response", greeting);
    return { greeting, capabilities: new Set(["HTTP/1.1"]) };
  } catch (error) {
    if (!(error instanceof HttpFault)) throw error;
    throw new BackendFailure("response", error.message);
  }
}
