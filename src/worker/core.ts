import { Deadlines } from "../net/deadlines.ts";
import type { LoopbackTls } from "../net/loopback_tls.ts";
import { legName } from "../port/leg_name.ts";
import type {
  ControlNotices,
  ControlRequests,
  WorkerNotices,
  WorkerRequests,
} from "../port/messages.ts";
import type { Port } from "../port/port.ts";
import type { LegSnapshot, WorkerSnapshot } from "../port/snapshot.ts";
import type { HttpRoutes } from "../route/http_routes.ts";
import { BreakerView } from "./breaker_view.ts";
import { LimitGate } from "./limit_gate.ts";
import { Pace } from "./pace.ts";
import { Reporter } from "./reporter.ts";
import { RouteCache } from "./route_cache.ts";
import { Seldom } from "./seldom.ts";
import { SessionTable } from "./session.ts";
import { SlotLease } from "./slot_lease.ts";

/** The worker's end of the port. */
export type WorkerPort = Port<
  ControlRequests,
  ControlNotices,
  WorkerRequests,
  WorkerNotices
>;

/** Fewer dials of a leg than this are not worth looking for its authority. */
const WIDE_DIALS = 32;

/** How often a leg that does not take the client's address is complained of. */
const REFUSED_FORWARDING_MS = 60_000;

/** The generation that is being served. */
export interface Generation {
  readonly snapshot: WorkerSnapshot;
  readonly loopback: LoopbackTls;
  /** Of http listeners; null where there are none. */
  readonly routes: HttpRoutes | null;
}

/** Everything that the sessions of one worker share. */
export class WorkerCore {
  readonly deadlines = new Deadlines();
  readonly routes = new RouteCache();
  readonly breakers = new BreakerView();
  readonly sessions = new SessionTable();
  /** Accounts whose logins are held at this moment. */
  readonly held = new Set<string>();
  /** Accounts whose logins somebody follows. */
  readonly traced = new Set<string>();
  /** EHLO keywords that each smtp and lmtp leg was last seen with, by `legName`. */
  readonly smtpOffers = new Map<string, ReadonlySet<string>>();
  readonly reporter: Reporter;
  readonly slots: SlotLease;
  readonly limits: LimitGate;
  /** How fast connections, and logins, are let through. */
  readonly paces = {
    connections: new Pace(this.deadlines),
    logins: new Pace(this.deadlines),
  };
  /** The process is shutting down: sessions finish what they are at. */
  draining = false;
  /** No new connections come any more: one that is kept for further requests ends with the response that it is at. */
  leaving = false;
  #generation: Generation | null = null;
  readonly #wideDials = new Map<string, number>();
  readonly #refusedForwarding = new Seldom(REFUSED_FORWARDING_MS);
  readonly #idPrefix = randomPrefix();
  #nextId = 0;

  constructor(readonly port: WorkerPort) {
    this.reporter = new Reporter((name, argument) =>
      port.notify(name, argument)
    );
    this.slots = new SlotLease(port);
    this.limits = new LimitGate(port);
  }

  /** What is served, or null before the first configuration. */
  get served(): Generation | null {
    return this.#generation;
  }

  get generation(): Generation {
    if (!this.#generation) throw new Error("no configuration is served yet");
    return this.#generation;
  }

  set generation(generation: Generation) {
    this.#generation = generation;
  }

  /** A leg was dialled with all authorities; when that goes on, the one that counts is worth finding. */
  dialledWide(leg: LegSnapshot): void {
    const key = legName(leg.destination, leg.protocol);
    const count = (this.#wideDials.get(key) ?? 0) + 1;
    this.#wideDials.set(key, count);
    if (count % WIDE_DIALS === 0) this.wantRoot(leg);
  }

  wantRoot({ destination, protocol }: LegSnapshot): void {
    this.port.notify("rootWanted", { destination, protocol });
  }

  /** The backend sees the proxy's address in place of its clients': said at times, not for each login. */
  forwardingRefused(leg: LegSnapshot, answer: string): void {
    const { destination, protocol } = leg;
    const name = legName(destination, protocol);
    if (!this.#refusedForwarding.allows(name)) return;
    this.reporter.log("warn", "forwarding_refused", {
      destination,
      protocol,
      answer,
    });
  }

  /** A name for a session: unique over workers and restarts, safe as an xtext and an IMAP string. */
  nextSessionId(): string {
    return this.#idPrefix + (this.#nextId++).toString(36).padStart(5, "0");
  }
}

function randomPrefix(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(7));
  return Array.from(bytes, (b) => (b % 36).toString(36)).join("");
}
