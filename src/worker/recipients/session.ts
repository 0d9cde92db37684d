import type { EndReason } from "../../port/messages.ts";
import { SessionEnd } from "../../protocols/session_end.ts";
import { CLOSING, farewell } from "../../protocols/smtp/relay_replies.ts";
import type { WorkerCore } from "../core.ts";
import { watchIdle } from "../idle.ts";
import { LIMIT_WORDS } from "../limit_gate.ts";
import {
  beginSession,
  closeWith,
  disarmPreauth,
  fail,
  type Parting,
} from "../pipeline.ts";
import type { Session } from "../session.ts";
import { RecipientDialogue } from "./dialogue.ts";

const PARTING: Parting = { farewell };

/**
 * The story of an smtp or lmtp session whose messages are routed by recipient. Never rejects; the
 * session's `ended` says why it is over, and its connections are closed.
 */
export async function runRecipients(
  core: WorkerCore,
  session: Session,
): Promise<void> {
  let spoken = false;
  const idle = watchIdle(
    core.deadlines,
    session,
    core.generation.snapshot.bridgeIdle,
  );
  try {
    const limit = await beginSession(
      core,
      session,
      () => spoken ? PARTING : null,
    );
    spoken = true;
    if (limit !== null) throw new SessionEnd("limit", LIMIT_WORDS[limit]);
    session.stage = "preauth";
    const dialogue = new RecipientDialogue(core, session, {
      busy: ({ attempt }) => {
        disarmPreauth(session);
        session.attempt = attempt;
      },
      free: () => {
        session.attempt = null;
        session.stage = "preauth";
        // Between messages there is nothing to finish.
        session.part = (reason) => {
          session.mark(reason);
          const last = session.leg.upgrading ? "" : words(reason);
          void closeWith(core, session, last);
        };
      },
    });
    await dialogue.run();
    session.mark("client-closed");
  } catch (error) {
    if (error instanceof SessionEnd && spoken) {
      session.mark(error.reason, error.message);
      await closeWith(core, session, words(error.reason));
    } else await fail(core, session, PARTING, error);
  } finally {
    idle.stop();
    disarmPreauth(session);
    session.leg.close();
  }
}

function words(reason: EndReason): string {
  switch (reason) {
    case "client-closed":
    case "logout":
    case "tls-failed":
    case "cleartext-after-starttls":
      return "";
    case "idle":
    case "preauth-timeout":
      return farewell("time");
    case "limit":
      return farewell("connections");
    case "drained":
      return farewell("drain");
    default:
      return CLOSING;
  }
}
