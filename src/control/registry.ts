import { legName } from "../port/leg_name.ts";
import type {
  EndReason,
  SessionClosed,
  SessionEvent,
  SessionOpened,
  SessionStage,
} from "../port/messages.ts";
import type { ProtocolName } from "../port/snapshot.ts";
import type { SessionFilter, SessionView } from "./api.ts";

/** All that is known of a session at its end. Exactly one is made for each connection. */
export interface CloseRecord {
  readonly id: string;
  readonly listener: string;
  readonly protocol: ProtocolName;
  /** `address:port`, `[v6]:port`. */
  readonly client: string;
  /** What a proxy in front calls the session, "" when none said so. */
  readonly upstreamId: string;
  /** The stage in which it ended. */
  readonly stage: SessionStage;
  readonly identifier: string | null;
  readonly destination: string | null;
  /** Client to backend, then backend to client. */
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly durationMs: number;
  readonly reason: EndReason;
  /** The cause in words, "" when the reason says it all. */
  readonly detail: string;
}

interface Session {
  readonly opened: SessionOpened;
  readonly worker: number;
  peer: string;
  upstreamId: string;
  stage: SessionStage;
  identifier: string | null;
  destination: string | null;
  bytesIn: number;
  bytesOut: number;
}

/** Whose bytes or connection it is; `destination` is null before one is known. */
export type SessionPlace = Pick<
  CloseRecord,
  "listener" | "protocol" | "destination"
>;

/** Told what sessions do, as it becomes known. */
export interface SessionWatch {
  opened(listener: string): void;
  /** A session is for this destination from now on (`by` 1), or no longer (-1). */
  routed(destination: string, protocol: ProtocolName, by: 1 | -1): void;
  /** Bytes that a session has carried since it was last heard of. */
  carried(place: SessionPlace, bytesIn: number, bytesOut: number): void;
}

/** The sessions of all workers, as told by their batches of events. */
export class SessionRegistry {
  #sessions = new Map<string, Session>();
  #byIdentifier = new Map<string, Set<Session>>();
  #byListener = new Map<string, number>();
  #byDestination = new Map<string, number>();
  #byLeg = new Map<string, number>();

  constructor(
    private readonly onClosed: (record: CloseRecord) => void,
    /** Milliseconds since the epoch, as in SessionOpened. */
    private readonly now: () => number = Date.now,
    private readonly watch: Partial<SessionWatch> = {},
  ) {}

  /** How many connections there are. */
  get active(): number {
    return this.#sessions.size;
  }

  activeOf(listener: string): number {
    return this.#byListener.get(listener) ?? 0;
  }

  /** How many there are of each listener that has any. */
  countsByListener(): Record<string, number> {
    return Object.fromEntries(this.#byListener);
  }

  activeAt(destination: string): number {
    return this.#byDestination.get(destination) ?? 0;
  }

  /** How many sessions are routed to a leg. */
  activeAtLeg(destination: string, protocol: ProtocolName): number {
    return this.#byLeg.get(legName(destination, protocol)) ?? 0;
  }

  /** Events of one worker in the order in which they happened. */
  apply(worker: number, events: readonly SessionEvent[]): void {
    for (const event of events) {
      if (event.kind === "open") {
        this.#open(worker, event);
        continue;
      }
      // A session may have been closed here before its worker, killed meanwhile, was heard.
      const session = this.#sessions.get(event.id);
      if (!session || session.worker !== worker) continue;
      if (event.kind === "close") {
        this.#close(session, event);
        continue;
      }
      session.stage = event.stage ?? session.stage;
      session.peer = event.peer ?? session.peer;
      session.upstreamId = event.upstreamId ?? session.upstreamId;
      this.#carried(
        session,
        event.bytesIn ?? session.bytesIn,
        event.bytesOut ?? session.bytesOut,
      );
      if (event.identifier !== undefined) {
        this.#setIdentifier(session, event.identifier);
      }
      if (event.destination !== undefined) {
        this.#setDestination(session, event.destination);
      }
    }
  }

  /** Close the sessions of a worker that is gone; answers how many. */
  workerLost(worker: number): number {
    const lost = [...this.#sessions.values()]
      .filter((session) => session.worker === worker);
    for (const session of lost) {
      this.#close(session, {
        kind: "close",
        id: session.opened.id,
        reason: "worker-lost",
        stage: session.stage,
        bytesIn: session.bytesIn,
        bytesOut: session.bytesOut,
      });
    }
    return lost.length;
  }

  /** The worker that has the session, or null. */
  workerOf(id: string): number | null {
    return this.#sessions.get(id)?.worker ?? null;
  }

  /** Sessions that match every field of the filter; the identifier is a normalized one. */
  list(filter: SessionFilter): SessionView[] {
    const { identifier, destination, listener, client } = filter;
    const candidates = identifier === undefined
      ? this.#sessions.values()
      : this.#byIdentifier.get(identifier) ?? [];
    const views: SessionView[] = [];
    for (const session of candidates) {
      if (destination !== undefined && session.destination !== destination) {
        continue;
      }
      if (listener !== undefined && session.opened.listener !== listener) {
        continue;
      }
      if (client !== undefined && addressOf(session.peer) !== client) {
        continue;
      }
      views.push(viewOf(session));
    }
    return views;
  }

  #open(worker: number, opened: SessionOpened): void {
    if (this.#sessions.has(opened.id)) return;
    this.#sessions.set(opened.id, {
      opened,
      worker,
      peer: opened.peer,
      upstreamId: "",
      stage: "accept",
      identifier: null,
      destination: null,
      bytesIn: 0,
      bytesOut: 0,
    });
    count(this.#byListener, opened.listener, 1);
    this.watch.opened?.(opened.listener);
  }

  #close(session: Session, closed: SessionClosed): void {
    const { opened, peer, upstreamId, identifier, destination } = session;
    this.#carried(session, closed.bytesIn, closed.bytesOut);
    this.#sessions.delete(opened.id);
    count(this.#byListener, opened.listener, -1);
    this.#setIdentifier(session, null);
    this.#setDestination(session, null);
    this.onClosed({
      id: opened.id,
      listener: opened.listener,
      protocol: opened.protocol,
      client: peer,
      upstreamId,
      stage: closed.stage,
      identifier,
      destination,
      bytesIn: closed.bytesIn,
      bytesOut: closed.bytesOut,
      durationMs: Math.max(0, this.now() - opened.since),
      reason: closed.reason,
      detail: closed.detail ?? "",
    });
  }

  #carried(session: Session, bytesIn: number, bytesOut: number): void {
    // Most events are of something else.
    if (bytesIn === session.bytesIn && bytesOut === session.bytesOut) return;
    const { listener, protocol } = session.opened;
    this.watch.carried?.(
      { listener, protocol, destination: session.destination },
      bytesIn - session.bytesIn,
      bytesOut - session.bytesOut,
    );
    session.bytesIn = bytesIn;
    session.bytesOut = bytesOut;
  }

  #setIdentifier(session: Session, identifier: string | null): void {
    if (session.identifier === identifier) return;
    if (session.identifier !== null) {
      const others = this.#byIdentifier.get(session.identifier);
      others?.delete(session);
      if (others?.size === 0) this.#byIdentifier.delete(session.identifier);
    }
    session.identifier = identifier;
    if (identifier === null) return;
    const set = this.#byIdentifier.get(identifier);
    if (set) set.add(session);
    else this.#byIdentifier.set(identifier, new Set([session]));
  }

  #setDestination(session: Session, destination: string | null): void {
    if (session.destination === destination) return;
    this.#countDestination(session, -1);
    session.destination = destination;
    this.#countDestination(session, 1);
  }

  #countDestination(
    { destination, opened: { protocol } }: Session,
    by: 1 | -1,
  ): void {
    if (destination === null) return;
    count(this.#byDestination, destination, by);
    count(this.#byLeg, legName(destination, protocol), by);
    this.watch.routed?.(destination, protocol, by);
  }
}

function viewOf(session: Session): SessionView {
  const { opened, peer, stage, identifier, destination } = session;
  return {
    id: opened.id,
    listener: opened.listener,
    protocol: opened.protocol,
    client: peer,
    stage,
    identifier,
    destination,
    since: new Date(opened.since).toISOString(),
    bytes_in: session.bytesIn,
    bytes_out: session.bytesOut,
  };
}

/** The address of `address:port` or `[v6]:port`. */
function addressOf(peer: string): string {
  return peer.slice(0, peer.lastIndexOf(":")).replace(/^\[|\]$/g, "");
}

function count(map: Map<string, number>, key: string, by: number): void {
  const value = (map.get(key) ?? 0) + by;
  if (value === 0) map.delete(key);
  else map.set(key, value);
}
