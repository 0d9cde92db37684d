import type { BackendLeg } from "../../protocols/backend_leg.ts";
import { HttpFault } from "../../protocols/http/fault.ts";
import { headForClient } from "../../protocols/http/forward.ts";
import { type Framing, responseFraming } from "../../protocols/http/framing.ts";
import { readHead, takeHead } from "../../protocols/http/head_reader.ts";
import type { RequestHead } from "../../protocols/http/request.ts";
import {
  parseResponseHead,
  type ResponseHead,
} from "../../protocols/http/response.ts";
import { BackendFailure } from "../../protocols/protocol.ts";
import type { Ground } from "./ground.ts";

/** The connection ended before a byte of a response. */
export class Unanswered extends BackendFailure {
  constructor() {
    super("response", "the connection was closed before it answered");
  }
}

export interface FinalHead {
  readonly response: ResponseHead;
  readonly framing: Framing;
}

/**
 * The head of the final response; those before it are passed on (RFC 9110 15.2), but for a 100 that
 * nobody has asked for. Throws BackendFailure, SessionEnd when the client is gone.
 */
export async function finalHead(
  { session, http }: Ground,
  connection: BackendLeg,
  request: RequestHead,
  expects: boolean,
): Promise<FinalHead> {
  try {
    for (;;) {
      const { reader } = connection;
      if (reader.buffered === 0 && !await reader.more()) throw new Unanswered();
      const bytes = takeHead(reader, http.maxHeadSize) ??
        await readHead(reader, http.maxHeadSize, "response");
      if (bytes === null) throw new Unanswered();
      session.flow.active = true;
      const response = parseResponseHead(bytes);
      const framing = responseFraming(response, request.method);
      if (response.status === 101 && !request.upgrade) {
        throw new HttpFault(502, "it switches protocols unasked");
      }
      if (response.status >= 200 || response.status === 101) {
        return { response, framing };
      }
      if (response.status === 100 && !expects) continue;
      const head = headForClient(response, { framing, close: false });
      session.flow.backward += head.length;
      await session.leg.write(head);
    }
  } catch (error) {
    if (!(error instanceof HttpFault)) throw error;
    throw new BackendFailure("response", error.message);
  }
}
