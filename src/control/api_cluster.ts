/** Several proxies in front of the same accounts, as one of them sees the others. */
import type { EndReason, KickTarget, MovedAccount } from "../port/messages.ts";
import type { SessionFilter, SessionView } from "./api.ts";

/** What proxies ask of each other. Identifiers are normalized ones. */
export interface ClusterRequests {
  /**
   * Ask the store again about these accounts, or all (null). `changed`: even when it cannot be asked,
   * what was known is over.
   */
  forget: {
    in: { identifiers: readonly string[] | null; changed: boolean };
    out: null;
  };
  /** Answers how many sessions were ended. */
  kick: { in: { target: KickTarget; reason: EndReason }; out: number };
  /** End the sessions of accounts that have moved; answers how many of each. */
  evict: { in: { moved: readonly MovedAccount[] }; out: readonly number[] };
  hold: { in: { identifier: string; seconds: number }; out: null };
  /** Hold new logins until `unpin` with the same id, or for two minutes. */
  pin: { in: { id: string; identifiers: readonly string[] }; out: null };
  unpin: { in: { id: string }; out: null };
  sessions: { in: SessionFilter; out: SessionsOfMember };
}

export interface SessionsOfMember {
  readonly sessions: readonly SessionView[];
  /** There are more. */
  readonly isCut: boolean;
}

/** Asks the other proxies; alone, nobody is there to ask. */
export interface ClusterBus {
  /**
   * Resolves with the answers, by member, when all have answered or a second is over. Who has not is
   * named to whoever called within `reaching`. What changes something is done later by those whom it did
   * not reach.
   */
  ask<K extends keyof ClusterRequests>(
    name: K,
    argument: ClusterRequests[K]["in"],
  ): Promise<ReadonlyMap<string, ClusterRequests[K]["out"]>>;
}

export interface ClusterMember {
  readonly node: string;
  /** Of the program. */
  readonly version: string;
  readonly is_self: boolean;
  /** It was heard within the last seconds. */
  readonly reachable: boolean;
  /** Seconds since it was started, and since it was heard last. */
  readonly uptime_seconds: number;
  readonly age_seconds: number;
  readonly sessions: number;
}

export interface ClusterView {
  readonly bus: "redis" | "postgres" | null;
  readonly connected: boolean;
  /** Why not. */
  readonly problem: string | null;
  readonly members: readonly ClusterMember[];
}

export interface ClusterSessions {
  readonly sessions: readonly (SessionView & { readonly node: string })[];
  /** Members that did not answer or have more sessions than are listed, one line each. */
  readonly incomplete: readonly string[];
}

/** An answer, and which of the others did not hear of it; one line each. */
export interface Reached<T> {
  readonly answer: T;
  readonly unreached: readonly string[];
}

export interface ClusterControl {
  view(): ClusterView;
  /** `filter` is normalized. */
  sessions(
    filter: SessionFilter,
    own: readonly SessionView[],
  ): Promise<ClusterSessions>;
  /** Do something, and learn whom of the others it did not reach. */
  reaching<T>(job: () => Promise<T>): Promise<Reached<T>>;
}
