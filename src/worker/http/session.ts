import { SessionEnd } from "../../protocols/session_end.ts";
import type { WorkerCore } from "../core.ts";
import { LIMIT_WORDS } from "../limit_gate.ts";
import { beginSession, disarmPreauth, fail, runBridge } from "../pipeline.ts";
import type { Session } from "../session.ts";
import { Connection } from "./connection.ts";
import { refuse } from "./endings.ts";

/**
 * The story of an http session (spec section 11): one request after the other, each routed by itself.
 * Never rejects; the session's `ended` says why it is over, and its connections are closed.
 */
export async function runHttp(
  core: WorkerCore,
  session: Session,
): Promise<void> {
  let connection: Connection | null = null;
  try {
    const limit = await beginSession(core, session, () => null);
    if (limit !== null) {
      session.mark("limit", LIMIT_WORDS[limit]);
      return await refuse(core, session, 429);
    }
    disarmPreauth(session);
    session.stage = "preauth";
    const { http } = core.generation.snapshot;
    // A reload may have taken the listener away since the accept.
    if (!http) throw new SessionEnd("drained");
    connection = new Connection(core, session, http);
    if (await connection.serve() === "upgraded") {
      // What is left of it is the session's; a WebSocket may last for days.
      connection = null;
      await runBridge(core, session);
    }
  } catch (error) {
    await fail(core, session, null, error);
  } finally {
    disarmPreauth(session);
    session.leg.close();
    session.backend?.close();
    connection?.close();
  }
}
