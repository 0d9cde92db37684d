/** What the control plane can be asked to do, by the management API and the runtime socket. */
import type { ClusterControl, ClusterSessions } from "./api_cluster.ts";
import type { LiveConfig } from "./api_config.ts";
import type { BulkControl } from "./api_bulk.ts";
import type { MoveControl } from "./api_moves.ts";
import type { OverrideControl } from "./api_overrides.ts";
import type { TableControl } from "./api_tables.ts";
import type { AuthorityView } from "../pki/local.ts";
import type { MetricView } from "../observe/metrics.ts";
import type { EndReason, SessionStage } from "../port/messages.ts";
import type { ProtocolName } from "../port/snapshot.ts";

/** Why an operation was not done. The admin API maps `code` to a status; `message` is one line for the caller. */
export class ControlError extends Error {
  override readonly name = "ControlError";
  constructor(
    readonly code:
      | "invalid"
      | "unknown"
      | "read-only"
      | "failed"
      /** What is there already, or differs from what was to be replaced. */
      | "conflict"
      /** Based on a state that is not the present one any more. */
      | "stale",
    message: string,
  ) {
    super(message);
  }
}

export type ControlCode = ControlError["code"];

export interface Stats {
  readonly cache_hits: number;
  readonly cache_misses: number;
  /** 0 to 100, two decimals. */
  readonly hit_rate_pct: number;
  readonly cache_entries: number;
  readonly active_connections: number;
}

export interface LegStatus {
  readonly protocol: ProtocolName;
  readonly consecutive_failures: number;
  readonly failure_sources: number;
  readonly host_level_failure: boolean;
  readonly down: boolean;
}

export interface DestinationStatus {
  readonly destination: string;
  readonly consecutive_failures: number;
  readonly failure_sources: number;
  readonly host_level_failure: boolean;
  readonly down: boolean;
  readonly legs: readonly LegStatus[];
}

/** One leg of a destination, as a server that connections go to. */
export interface UpstreamView {
  /** Host and port. */
  readonly address: string;
  readonly destination: string;
  readonly protocol: ProtocolName;
  /** Sessions that are routed to it. */
  readonly num_requests: number;
  /** Consecutive failures. */
  readonly fails: number;
}

export interface MappingView {
  readonly identifier: string;
  readonly normalized: string;
  readonly destination: string;
  readonly routed_to_default: boolean;
  readonly cached: boolean;
}

export interface SessionView {
  readonly id: string;
  readonly listener: string;
  readonly protocol: ProtocolName;
  readonly client: string;
  readonly stage: SessionStage;
  /** Normalized; null before a login. */
  readonly identifier: string | null;
  readonly destination: string | null;
  /** RFC 3339, UTC. */
  readonly since: string;
  readonly bytes_in: number;
  readonly bytes_out: number;
}

export interface SessionFilter {
  readonly identifier?: string;
  readonly destination?: string;
  readonly listener?: string;
  /** An address without port. */
  readonly client?: string;
}

/** What `[limits]` counts of one address or account. */
export interface LimitView {
  readonly kind: "address" | "account";
  /** An address, an IPv6 network, or a normalized identifier. */
  readonly name: string;
  readonly failures: number;
  /** For how long its logins are refused still, 0 when they are not. */
  readonly refused_seconds: number;
  /** Counted connections by protocol. */
  readonly connections: Readonly<Partial<Record<ProtocolName, number>>>;
}

export interface LimitList {
  /** The worst first, not all when there are very many. */
  readonly limits: readonly LimitView[];
  /** How many there are. */
  readonly counted: number;
}

/** Whom `[limits]` counts: an account as it logs in, or an address without port. */
export type LimitTarget =
  | { readonly identifier: string }
  | { readonly address: string };

/** One step of how an account is routed, in order, in words. */
export interface Explanation {
  readonly identifier: string;
  readonly steps: readonly { readonly step: string; readonly result: string }[];
  readonly destination: string | null;
  /** Why a login of this account would be refused now, or null. */
  readonly refused: string | null;
}

export interface Readiness {
  readonly ready: boolean;
  readonly reasons: readonly string[];
  /** What does not work, but is no reason to send clients elsewhere. */
  readonly notes: readonly string[];
}

/** All identifiers are taken as given and normalized inside. Methods throw ControlError. */
export interface ControlPlane {
  readiness(): Readiness;
  stats(): Promise<Stats>;
  destinations(): readonly DestinationStatus[];
  resetDestination(destination: string): void;
  upstreams(): Promise<readonly UpstreamView[]>;
  mapping(identifier: string): Promise<MappingView>;
  setMapping(identifier: string, destination: string): Promise<void>;
  /** True when there was one. */
  deleteMapping(identifier: string): Promise<boolean>;
  reloadMappings(): Promise<void>;
  readonly bulk: BulkControl;
  /** One identifier, or the whole cache. */
  invalidate(identifier: string | null): Promise<void>;
  /** Answers how many sessions were ended. */
  kick(identifier: string): Promise<number>;
  delay(identifier: string, seconds: number): Promise<void>;
  readonly moves: MoveControl;
  readonly config: LiveConfig;
  readonly overrides: OverrideControl;
  readonly acls: TableControl;
  /** The mapping store is one of them. */
  readonly maps: TableControl;
  /** Stop accepting, let sessions finish, and exit; answers at once. */
  shutDown(): void;
  /** Start the program anew with the same configuration file, and let it take over; answers its process id. */
  upgrade(): Promise<number>;
  sessions(filter: SessionFilter): Promise<readonly SessionView[]>;
  /** Those of all members of the cluster. */
  clusterSessions(filter: SessionFilter): Promise<ClusterSessions>;
  readonly cluster: Pick<ClusterControl, "view" | "reaching">;
  /** False when there is no such session. */
  closeSession(id: string, reason: EndReason): Promise<boolean>;
  /** All who are counted, or one. */
  limits(target: LimitTarget | null): LimitList;
  /** Forget failures; false when there are none. */
  clearLimit(target: LimitTarget): boolean;
  /** Every counter and gauge, as of now. */
  metrics(): Promise<readonly MetricView[]>;
  explain(identifier: string): Promise<Explanation>;
  /** The certificate authority of this name, made where it is first asked for. */
  authority(id: string): Promise<AuthorityView>;
}
