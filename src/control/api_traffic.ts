/** What listeners, destinations and their legs have carried, for `show stat` and the like. */
import type { ProtocolName, TlsMode } from "../port/snapshot.ts";
import type { LegAdminState } from "./served.ts";

/** Connections, and the bytes from clients (in) and to them (out), since the start or since they were cleared. */
export interface Load {
  readonly now: number;
  /** The most at once. */
  readonly most: number;
  readonly total: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** New ones in the last full second, and the most of any second. */
  readonly rate: number;
  readonly mostRate: number;
  /** Seconds since the last one came, or null. */
  readonly idleSeconds: number | null;
}

export interface ListenerTraffic extends Load {
  readonly listener: string;
  readonly protocol: ProtocolName;
  /** `max_connections`. */
  readonly limit: number;
  /** It was told to accept nothing. */
  readonly isStopped: boolean;
  /** Closed at once because of `limit`. */
  readonly refused: number;
  /** Refused by `[limits]`. */
  readonly denied: number;
  /** Ended because the client broke its protocol or its time. */
  readonly faults: number;
  /** Ended by a fault of the proxy's own. */
  readonly internal: number;
}

export interface LegTraffic extends Load {
  readonly protocol: ProtocolName;
  readonly host: string;
  readonly port: number;
  readonly tls: TlsMode;
  /** What an administrator wants of it. */
  readonly wanted: LegAdminState;
  /** Its breaker took it out of service. */
  readonly isDown: boolean;
  /** Failures to connect, and those after that. */
  readonly connectFailures: number;
  readonly lateFailures: number;
  /** How often its breaker took it out of service, and for how many seconds in all. */
  readonly downs: number;
  readonly downSeconds: number;
  /** Seconds since it went down or came back. */
  readonly changedSeconds: number;
}

export interface DestinationTraffic extends Load {
  readonly destination: string;
  readonly legs: readonly LegTraffic[];
}

export interface TrafficView {
  readonly listeners: readonly ListenerTraffic[];
  readonly destinations: readonly DestinationTraffic[];
}

export interface TrafficFacts {
  /** In the order of the configuration, as of now. */
  traffic(): Promise<TrafficView>;
  /** Forget what was the most; `all`: count afresh, but for what is open. */
  clearTraffic(all: boolean): void;
}
