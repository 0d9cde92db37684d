import { bridge } from "../net/bridge.ts";
import { LineTooLong } from "../net/line_reader.ts";
import type { EndReason, LimitCause } from "../port/messages.ts";
import type {
  ClientIo,
  Frontend,
  LineProtocol,
  PreauthLimit,
} from "../protocols/protocol.ts";
import { SessionEnd } from "../protocols/session_end.ts";
import { adopt, mayClaim, takeProxyHeader } from "./client_address.ts";
import type { ClientLeg } from "./client_leg.ts";
import type { WorkerCore } from "./core.ts";
import { attemptLogin } from "./login.ts";
import { watchIdle } from "./idle.ts";
import { LIMIT_WORDS } from "./limit_gate.ts";
import type { Session } from "./session.ts";

/** How long a farewell may take to leave. */
const FAREWELL_MS = 1000;

const FAREWELLS: Partial<Record<EndReason, PreauthLimit>> = {
  "preauth-timeout": "time",
  "preauth-limit": "line",
  "auth-attempts": "attempts",
  "drained": "drain",
  "limit": "connections",
};

/** Who knows the words for the end of a session. */
export type Parting = Pick<Frontend, "farewell">;

/**
 * The story of a session (spec section 3), from its accept to its close. Never rejects; the session's
 * `ended` says why it is over, and its connections are closed.
 */
export async function runSession(
  core: WorkerCore,
  protocol: LineProtocol,
  session: Session,
): Promise<void> {
  const { snapshot } = core.generation;
  let frontend: Frontend | null = null;
  try {
    const limit = await beginSession(core, session, () => frontend);
    frontend = protocol.frontend(clientIo(core, session), {
      listener: session.listener,
      snapshot,
      hostname: snapshot.hostname ?? session.local.hostname,
      sessionId: session.id,
    });
    if (limit !== null) throw new SessionEnd("limit", LIMIT_WORDS[limit]);
    session.stage = "preauth";
    await frontend.greet();
    const bridged = await loginLoop(core, protocol, session, frontend);
    frontend = null;
    if (bridged) await runBridge(core, session);
    else session.mark("client-closed");
  } catch (error) {
    await fail(core, session, frontend, error);
  } finally {
    disarmPreauth(session);
    session.leg.close();
    session.backend?.close();
  }
}

/**
 * What comes before the first word of any protocol. Answers with the limit that stands against the connection,
 * to be told to the client. Throws SessionEnd.
 */
export async function beginSession(
  core: WorkerCore,
  session: Session,
  parting: () => Parting | null,
): Promise<LimitCause | null> {
  armPreauth(core, session, parting);
  await takeProxyHeader(core, session);
  // Counted before the handshake, so that a slow one is not free; refused in words behind it.
  const limit = await core.limits.connection(session);
  await startTls(core, session);
  return limit;
}

/** TLS where it comes first. Throws SessionEnd. */
async function startTls(
  core: WorkerCore,
  session: Session,
): Promise<void> {
  if (session.listener.tls !== "implicit") return;
  if (await session.leg.handshake()) return;
  const http = session.listener.protocol === "http";
  await upgrade(core, session.leg, false, http);
}

/** TLS with the certificates of this moment: a reload since the accept counts. Throws SessionEnd. */
export function upgrade(
  core: WorkerCore,
  leg: ClientLeg,
  afterStartTls: boolean,
  http = false,
): Promise<void> {
  const { loopback, snapshot } = core.generation;
  const atLeast13 = snapshot.minTlsVersion === "1.3";
  return leg.upgrade(loopback, { atLeast13, afterStartTls, http });
}

/** Dialogue and logins until one is through; false when the client left before. */
async function loginLoop(
  core: WorkerCore,
  protocol: LineProtocol,
  session: Session,
  frontend: Frontend,
): Promise<boolean> {
  for (;;) {
    const login = await frontend.nextLogin();
    if (!login) return false;
    disarmPreauth(session);
    const outcome = await attemptLogin(
      core,
      protocol,
      session,
      frontend,
      login,
    );
    if (outcome === "bridge") return true;
    if (outcome === "close") return false;
    if (outcome === "refused") countFailure(session);
    session.stage = "preauth";
    armPreauth(core, session, () => frontend);
  }
}

/** Copy both ways until the session is over. */
export async function runBridge(
  core: WorkerCore,
  session: Session,
): Promise<void> {
  const backend = session.backend!;
  const idle = watchIdle(
    core.deadlines,
    session,
    core.generation.snapshot.bridgeIdle,
  );
  const result = await bridge(
    { stream: session.leg.stream, taken: session.leg.reader.handOver() },
    { stream: backend.stream, taken: backend.reader.handOver() },
    session.flow,
  );
  idle.stop();
  session.mark(result.first === "forward" ? "client-closed" : "backend-closed");
}

function clientIo(core: WorkerCore, session: Session): ClientIo {
  const leg = session.leg;
  return {
    get reader() {
      return leg.reader;
    },
    get secure() {
      return leg.secure;
    },
    write: (data) => leg.write(data),
    startTls: () => upgrade(core, leg, true),
    countFailure: () => countFailure(session),
    ...(mayClaim(session)
      ? { adopt: (claim) => adopt(core, session, claim) }
      : {}),
  };
}

function countFailure(session: Session): void {
  if (++session.failures >= session.listener.maxAuthAttempts) {
    throw new SessionEnd("auth-attempts");
  }
}

/** Limit the time in which the client has to act; it is parted with in the words of `frontend`. */
function armPreauth(
  core: WorkerCore,
  session: Session,
  frontend: () => Parting | null,
): void {
  const part = (reason: EndReason) => {
    session.mark(reason);
    void partWith(core, session, frontend());
  };
  session.part = part;
  session.preauth = core.deadlines.after(
    session.listener.preauthTimeout,
    () => part("preauth-timeout"),
  );
}

export function disarmPreauth(session: Session): void {
  session.preauth?.cancel();
  session.part = null;
}

/** Take an error for the session's end and part with the client. */
export async function fail(
  core: WorkerCore,
  session: Session,
  frontend: Parting | null,
  error: unknown,
): Promise<void> {
  if (error instanceof LineTooLong) {
    session.mark("preauth-limit", error.message);
  } else if (error instanceof SessionEnd) {
    session.mark(error.reason, error.message);
  } else if (session.ended === null) {
    session.mark(
      "error",
      error instanceof Error ? error.message : String(error),
    );
    core.reporter.count("bugs");
    core.reporter.log("error", "bug", {
      session: session.id,
      listener: session.listener.name,
      protocol: session.listener.protocol,
      client: session.client.hostname,
      stage: session.stage,
      error: error instanceof Error
        ? error.stack ?? error.message
        : String(error),
    });
  }
  await partWith(core, session, frontend);
}

/** Say what the protocol says for the session's end, if anything, then close. */
async function partWith(
  core: WorkerCore,
  session: Session,
  frontend: Parting | null,
): Promise<void> {
  const limit = FAREWELLS[session.ended!];
  const words = limit && !session.leg.upgrading
    ? frontend?.farewell(limit) ?? ""
    : "";
  await closeWith(core, session, words);
}

/** Say the last words and close, however slowly the client reads. */
export async function closeWith(
  core: WorkerCore,
  session: Session,
  words: string,
): Promise<void> {
  const deadline = core.deadlines.after(FAREWELL_MS, () => session.leg.close());
  try {
    if (words !== "") await session.leg.write(words);
  } catch {
    // The client is gone: there is nobody to part with.
  }
  deadline.cancel();
  session.leg.close();
}
