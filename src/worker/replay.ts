/** The backend's side of one login: dial, secure, forward, replay (spec section 3). */
import { writeAll } from "../net/byte_stream.ts";
import { dial, DialFailed, type RawLeg } from "../net/dial.ts";
import { provablePin } from "../net/pins.ts";
import { encodeProxyV2 } from "../net/proxy_v2.ts";
import type { LegSnapshot, WorkerSnapshot } from "../port/snapshot.ts";
import { BackendLeg } from "../protocols/backend_leg.ts";
import {
  type BackendContext,
  BackendFailure,
  type BackendOffer,
  type BackendVerdict,
  type FailureStage,
  type ForwardedClient,
  type LineProtocol,
  type Login,
  type SmtpHello,
} from "../protocols/protocol.ts";
import type { Attempt } from "./attempt.ts";
import type { WorkerCore } from "./core.ts";
import type { Session } from "./session.ts";

/** Between two tries to connect. */
const RETRY_MS = 200;

/** What is said on a leg once it is dialled and secured. */
type Opener = Pick<LineProtocol, "openBackend">;

/** A bridge in which the backend speaks first. */
const SILENT: Opener = {
  openBackend: () =>
    Promise.resolve({ greeting: "", capabilities: new Set<string>() }),
};

/** A login cannot go on, through no fault of its credentials. */
export class Unavailable extends Error {
  override readonly name = "Unavailable";
}

/** A destination cannot be used now; any other error is a bug, or the session's end. */
export function isUnavailability(
  error: unknown,
): error is Unavailable | BackendFailure | DialFailed {
  return error instanceof Unavailable || error instanceof BackendFailure ||
    error instanceof DialFailed;
}

/**
 * Dial a leg and replay a login; the leg is `attempt.leg` then. Everything together takes at most
 * `backend_timeout`. Throws DialFailed, BackendFailure or what cancelled the attempt.
 */
export async function replay(
  core: WorkerCore,
  protocol: LineProtocol,
  session: Session,
  attempt: Attempt,
  login: Login,
  leg: LegSnapshot,
): Promise<BackendVerdict> {
  const { snapshot } = core.generation;
  const context = contextOf(core, session, leg, login.hello);
  const limit = () =>
    core.deadlines.after(snapshot.backendTimeout, () => attempt.timeOut());
  let deadline = limit();
  const asked: Login = {
    ...login,
    async challenge(data) {
      // What the client takes to answer is not the backend's fault.
      deadline.cancel();
      const patience = core.deadlines.after(
        session.listener.preauthTimeout,
        () => attempt.cancel("preauth-timeout"),
      );
      try {
        return await attempt.interruptible(login.challenge(data));
      } finally {
        patience.cancel();
        deadline = limit();
      }
    },
  };
  try {
    const begun = performance.now();
    const offer = await openTrusted(core, protocol, session, attempt, context);
    session.stage = "replay";
    const verdict = await protocol.authenticate(
      attempt.leg!,
      context,
      offer,
      asked,
    );
    const { times } = attempt;
    const connecting = times.of("dial") + times.of("tls");
    times.add("auth", performance.now() - begun - connecting);
    return verdict;
  } catch (error) {
    throw faultOf(error, attempt, snapshot, "auth");
  } finally {
    deadline.cancel();
  }
}

/**
 * Dial a leg without a login, by default one that nothing is said on before the bridge; it is
 * `attempt.leg` then. Takes at most `backend_timeout`. Throws DialFailed, BackendFailure or what
 * cancelled the attempt.
 */
export async function connect(
  core: WorkerCore,
  session: Session,
  attempt: Attempt,
  leg: LegSnapshot,
  opener: Opener = SILENT,
  hello?: SmtpHello,
): Promise<BackendOffer> {
  const { snapshot } = core.generation;
  const context = contextOf(core, session, leg, hello);
  const deadline = core.deadlines.after(
    snapshot.backendTimeout,
    () => attempt.timeOut(),
  );
  try {
    return await openTrusted(core, opener, session, attempt, context);
  } catch (error) {
    throw faultOf(error, attempt, snapshot, "forwarding");
  } finally {
    deadline.cancel();
  }
}

/** The failure that an error on a leg amounts to; `stage` is that of a lost connection. */
function faultOf(
  error: unknown,
  attempt: Attempt,
  { backendTimeout }: WorkerSnapshot,
  stage: FailureStage,
): unknown {
  if (attempt.timedOut && error instanceof BackendFailure) {
    return new BackendFailure(
      error.stage,
      `no answer within ${backendTimeout} ms`,
    );
  }
  if (error instanceof Error && isConnectionError(error)) {
    return new BackendFailure(stage, `connection lost: ${error.message}`);
  }
  return error;
}

/**
 * Open a leg; when the one authority that it was narrowed to did not sign its certificate, as after
 * a renewal, open it once more with all that this host trusts.
 */
async function openTrusted(
  core: WorkerCore,
  protocol: Opener,
  session: Session,
  attempt: Attempt,
  context: BackendContext,
): Promise<BackendOffer> {
  const { leg } = context;
  const { trust } = leg;
  if (trust.kind === "pin" && provablePin(trust.sha256) === undefined) {
    return await openPinned(core, protocol, session, attempt, context);
  }
  const { trustRoots } = core.generation.snapshot;
  const narrowed = trust.kind === "store" &&
    trust.caCerts.length < trustRoots.length;
  if (!narrowed) {
    if (trust.kind === "store" && leg.tls !== "plain") core.dialledWide(leg);
    return await open(core, protocol, session, attempt, context);
  }
  try {
    return await open(core, protocol, session, attempt, context);
  } catch (error) {
    const outdated = error instanceof BackendFailure &&
      error.stage === "tls" &&
      /UnknownIssuer|could not be verified/.test(error.message);
    if (!outdated) throw error;
    attempt.leg?.close();
    core.wantRoot(leg);
    const wide = { ...leg, trust: { ...trust, caCerts: trustRoots } };
    return await open(core, protocol, session, attempt, {
      ...context,
      leg: wide,
    });
  }
}

/**
 * Open a leg whose pinned certificate is seen for the first time: where that certificate allows it,
 * once more in the way that proves that the backend has its key, before any credential is written.
 */
async function openPinned(
  core: WorkerCore,
  protocol: Opener,
  session: Session,
  attempt: Attempt,
  context: BackendContext,
): Promise<BackendOffer> {
  const { leg } = context;
  const offer = await open(core, protocol, session, attempt, context);
  const { trust, tls, clientCertificate } = leg;
  if (trust.kind !== "pin" || tls === "plain") return offer;
  if (provablePin(trust.sha256) === null || clientCertificate) {
    core.reporter.log("warn", "pin_unproven", {
      destination: leg.destination,
      protocol: leg.protocol,
      reason: "only a self-signed certificate without CA:TRUE can be proven",
    });
    return offer;
  }
  attempt.leg?.close();
  return await open(core, protocol, session, attempt, context);
}

async function open(
  core: WorkerCore,
  protocol: Opener,
  session: Session,
  attempt: Attempt,
  context: BackendContext,
): Promise<BackendOffer> {
  const { leg, forwarded } = context;
  session.stage = "dial";
  const { connectRetries } = core.generation.snapshot;
  attempt.trace?.tell(`dial ${leg.host} port ${leg.port}`);
  const raw = await attempt.times.during(
    "dial",
    () => dialWithRetries(core, attempt, leg, connectRetries),
  );
  attempt.trace?.tell(`connected, tls ${leg.tls}`);
  const backend = new BackendLeg(raw, leg, attempt.trace ?? undefined);
  attempt.leg = backend;
  // The limit may have struck between the connect and this line.
  if (attempt.signal.aborted) backend.close();
  // A connection that the proxy in front has for itself is none of a client's here either.
  await prepareLeg(backend, leg, session.unnamed ? null : forwarded);
  const offer = await protocol.openBackend(backend, context);
  if (backend.secure) attempt.times.add("tls", backend.tlsTook);
  return offer;
}

async function prepareLeg(
  leg: BackendLeg,
  { tls, forwarding }: LegSnapshot,
  from: ForwardedClient | null,
): Promise<void> {
  if (forwarding === "proxy") {
    const proxied = from && { ...from, uniqueId: from.sessionId };
    await writeAll(leg.stream, encodeProxyV2(proxied));
    leg.witness?.sent("(PROXY header)");
  }
  if (tls === "implicit") await leg.startTls();
}

async function dialWithRetries(
  core: WorkerCore,
  attempt: Attempt,
  leg: LegSnapshot,
  retries: number,
): Promise<RawLeg> {
  for (let left = retries;; left--) {
    try {
      return await dial(leg, pickSource(leg), attempt.signal);
    } catch (error) {
      if (left <= 0 || attempt.signal.aborted) throw error;
    }
    await attempt.interruptible(
      new Promise<void>((resolve) => core.deadlines.after(RETRY_MS, resolve)),
    );
  }
}

function pickSource(leg: LegSnapshot): string | undefined {
  return leg.sourceIps[Math.floor(Math.random() * leg.sourceIps.length)];
}

/** What a backend is told of the client. Throws Unavailable. */
function contextOf(
  core: WorkerCore,
  session: Session,
  leg: LegSnapshot,
  hello: SmtpHello | undefined,
): BackendContext {
  const { proxyTtl } = core.generation.snapshot;
  const ttl = (session.ttl ?? proxyTtl) - 1;
  if (ttl < 1) {
    throw new Unavailable("the TTL of the proxy chain is used up: a loop?");
  }
  return {
    leg,
    forwarded: {
      sessionId: session.id,
      client: session.client,
      local: session.local,
      secure: session.leg.secure,
      ttl,
      ...hello && { hello },
    },
    forwardingRefused: (answer) => core.forwardingRefused(leg, answer),
  };
}

/** What the runtime throws when a connection is gone, closed by us or by the peer. */
export function isConnectionError(error: Error): boolean {
  return error instanceof Deno.errors.BadResource ||
    error instanceof Deno.errors.Interrupted ||
    error instanceof Deno.errors.ConnectionReset ||
    error instanceof Deno.errors.BrokenPipe ||
    error instanceof Deno.errors.ConnectionAborted ||
    error instanceof Deno.errors.NotConnected ||
    error instanceof Deno.errors.UnexpectedEof || "code" in error;
}
