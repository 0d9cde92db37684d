/**
 * Everything that crosses the boundary between the control plane (main thread) and a data-plane
 * worker. Requests have an answer; notices have none. Order is kept in each direction, and the
 * safety of a move rests on that: a route answer computed before a mapping change arrives before
 * the `invalidate` that follows it.
 */
import type { Counted } from "../observe/distribution.ts";
import type { ProtocolName, WorkerSnapshot } from "./snapshot.ts";

/** Where an identifier is routed, as of the moment the control plane answered. */
export interface RouteAnswer {
  readonly destination: string;
  /** True when no mapping was found and the default destination was taken. */
  readonly isDefault: boolean;
  /** For how long a worker may keep it, in ms; 0: not at all. */
  readonly ttl: number;
}

/** The account cannot be routed now (store failure with `on_store_failure = "refuse"`). */
export interface RouteRefused {
  readonly refused: string;
}

/** Whose sessions a kick ends. `account` is the normalized identifier. */
export type KickTarget =
  | { readonly account: string }
  | { readonly session: string }
  /** Every protocol of a destination, or one; sessions past their lookup. */
  | {
    readonly destination: string;
    readonly protocol: ProtocolName | null;
  }
  | { readonly all: true };

/** Where an account's sessions belong from now on. `account` is the normalized identifier. */
export interface MovedAccount {
  readonly account: string;
  readonly destination: string;
}

/** What a leg's breaker says to the workers. `ask`: cooled down, one probe is granted by `breakerProbe`. */
export interface LegState {
  readonly destination: string;
  readonly protocol: ProtocolName;
  readonly state: "closed" | "down" | "ask";
  /** True while a failure streak is running, so that a success has to be reported. */
  readonly suspect: boolean;
}

/** How one attempt to use a leg ended, for the breaker. `connect` failures count alone, `late` ones by client. */
export interface LegReport {
  readonly destination: string;
  readonly protocol: ProtocolName;
  readonly outcome: "success" | "connect" | "late";
  /** Client address, the unit of the distinct-client rule. */
  readonly client: string;
}

/** Why a session ended: the label of the close record and of the metric. */
export type EndReason =
  | "client-closed"
  | "backend-closed"
  | "logout"
  | "idle"
  | "kicked"
  | "moved"
  | "drained"
  | "max-connections"
  | "acl"
  | "limit"
  | "preauth-timeout"
  | "preauth-limit"
  | "auth-attempts"
  | "tls-failed"
  | "cleartext-after-starttls"
  | "proxy-header"
  | "backend-unavailable"
  | "hold-overflow"
  | "request-refused"
  | "last-response"
  | "worker-lost"
  | "error";

/** Which of `[limits]` stands against a connection or a login. */
export type LimitCause =
  | "address-connections"
  | "account-connections"
  | "address-failures"
  | "account-failures";

/** The stages of a session (spec section 3). */
export type SessionStage =
  | "accept"
  | "preauth"
  | "hold"
  | "lookup"
  | "dial"
  | "replay"
  | "bridge";

export interface SessionOpened {
  readonly kind: "open";
  readonly id: string;
  readonly listener: string;
  readonly protocol: ProtocolName;
  /** Client as `address:port`, `[v6]:port`. */
  readonly peer: string;
  /** Milliseconds since the epoch. */
  readonly since: number;
}

/** Only changed fields are present. */
export interface SessionChanged {
  readonly kind: "change";
  readonly id: string;
  readonly stage?: SessionStage;
  /** Normalized identifier; null when the login that named it was refused. */
  readonly identifier?: string | null;
  readonly destination?: string | null;
  /** The client as a trusted proxy names it, in the form of SessionOpened. */
  readonly peer?: string;
  /** That proxy's own name for the session. */
  readonly upstreamId?: string;
  readonly bytesIn?: number;
  readonly bytesOut?: number;
}

export interface SessionClosed {
  readonly kind: "close";
  readonly id: string;
  readonly reason: EndReason;
  /** The stage in which it ended. */
  readonly stage: SessionStage;
  /** Client to backend, then backend to client. */
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** The cause in words for the log, when there is one beyond the reason. */
  readonly detail?: string;
}

export type SessionEvent = SessionOpened | SessionChanged | SessionClosed;

/**
 * A log line made in a worker; the control plane is the only writer, and shortens the identifier that is in
 * a field named `account`.
 */
export interface LogLine {
  readonly level: "error" | "warn" | "info" | "debug" | "trace";
  readonly event: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** One thing that happened in a login that is traced. */
export interface TraceStep {
  readonly identifier: string;
  readonly session: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly text: string;
}

/** Requests that the control plane makes of a worker. */
export interface WorkerRequests {
  /** Make everything new that the snapshot needs (bind, load certificates) without serving it yet. */
  prepare: { in: WorkerSnapshot; out: null };
  /** Serve the prepared generation; sockets that it has no use for accept until `retire`. */
  commit: { in: { generation: number }; out: null };
  /** Close the sockets that the generation before had and this one has not. */
  retire: { in: null; out: null };
  /** Throw the prepared generation away. */
  abort: { in: { generation: number }; out: null };
  /** Forget cached routes (of these identifiers, or all) and mark sessions before their bridge as to be checked again. */
  invalidate: { in: { identifiers: readonly string[] | null }; out: null };
  /** End sessions past their login command; answers how many. */
  kick: { in: { target: KickTarget; reason: EndReason }; out: number };
  /**
   * End sessions of accounts that have moved, but those that wait for the end of a hold or are at the
   * destination already; answers how many of each account.
   */
  evict: { in: { moved: readonly MovedAccount[] }; out: number[] };
  /** From now on (or no longer) logins of these accounts ask to be held. */
  hold: { in: { identifiers: readonly string[]; held: boolean }; out: null };
  /** From now on (or no longer) logins of this account are told step by step, by `trace`. */
  trace: { in: { identifier: string; traced: boolean }; out: null };
  /** Give back the unused connection slots of a listener that is full; answers how many. */
  reclaimSlots: { in: { listener: string }; out: number };
  /** Send all pending session events, byte counts and counters now. */
  flush: { in: null; out: null };
  /** Stop accepting; sessions go on, but for those before their login where they are to part. */
  drain: { in: { part: boolean }; out: null };
  /** Count of things held, for leak tests and `show runtime`. */
  inspect: { in: null; out: WorkerInspection };
}

export interface WorkerInspection {
  readonly sessions: number;
  readonly pendingPairs: number;
  readonly routes: number;
  readonly heapUsed: number;
}

/** Notices from the control plane to a worker. */
export interface WorkerNotices {
  breaker: readonly LegState[];
}

/** Requests that a worker makes of the control plane. */
export interface ControlRequests {
  lookup: { in: { identifier: string }; out: RouteAnswer | RouteRefused };
  /**
   * Wait until the hold on the account ends. `granted: false` at once when too many wait already.
   * `session` identifies the waiter for `holdLeave`.
   */
  hold: {
    in: { identifier: string; listener: string; session: string };
    out: { granted: boolean };
  };
  /** May this session be the one probe of a cooled-down leg? */
  breakerProbe: {
    in: { destination: string; protocol: ProtocolName };
    out: boolean;
  };
  /** More connection slots of a listener; answers how many are granted (0: it is full). */
  slots: { in: { listener: string; want: number }; out: number };
  /** Asked where `[limits]` counts connections: null, and it is counted until `leave`, or what stands against it. */
  takeConnection: {
    in: { session: string; client: string; protocol: ProtocolName };
    out: LimitCause | null;
  };
  /** Asked where `[limits]` counts logins: null, and it is counted until `leaveLogin` or `leave`. */
  takeLogin: {
    in: {
      session: string;
      client: string;
      protocol: ProtocolName;
      account: string;
    };
    out: LimitCause | null;
  };
  /** A backend refused a counted login; answers for how many ms the client's answer waits. */
  loginFailed: { in: { client: string; account: string }; out: number };
}

/** Notices from a worker to the control plane. */
export interface ControlNotices {
  ready: null;
  sessions: readonly SessionEvent[];
  logs: readonly LogLine[];
  /** Counter increments since the last one, by name of observe/metrics. */
  counters: Readonly<Record<string, number>>;
  /** What histograms have observed since the last one, by name of observe/metrics. */
  observations: Readonly<Record<string, Counted>>;
  legs: readonly LegReport[];
  /** A leg is dialled often with all authorities, or the one it was narrowed to no longer signs for it. */
  rootWanted: {
    readonly destination: string;
    readonly protocol: ProtocolName;
  };
  /** A step of a login of an account that is traced; no credentials. */
  trace: TraceStep;
  /** A held session went away before its hold ended. */
  holdLeave: { readonly session: string };
  /** Unused connection slots given back. */
  slotsBack: { readonly listener: string; readonly count: number };
  /** A counted login came to nothing. */
  leaveLogin: { readonly session: string };
  /** A session that was counted is over. */
  leave: { readonly session: string };
}
