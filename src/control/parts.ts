import type { Log } from "../observe/log.ts";
import type { Metrics } from "../observe/metrics.ts";
import type { Resolver } from "../route/resolver.ts";
import type { MappingStore } from "../store/store.ts";
import type { ChangeGate } from "./takeover/change_gate.ts";
import type { Predecessors } from "./takeover/predecessors.ts";
import type { Breakers } from "./breakers.ts";
import type { ClusterLink } from "./cluster/cluster_link.ts";
import type { Holds } from "./holds.ts";
import type { Journal } from "./journal.ts";
import type { Limits } from "./limits.ts";
import type { SessionRegistry } from "./registry.ts";
import type { Served } from "./served.ts";
import type { SlotPool } from "./slots.ts";
import type { Supervisor } from "./supervisor.ts";
import type { Traces } from "./traces.ts";
import type { Traffic } from "./traffic.ts";

/** What the control plane consists of while it serves. */
export interface Parts {
  readonly log: Log;
  readonly metrics: Metrics;
  readonly supervisor: Supervisor;
  readonly registry: SessionRegistry;
  readonly breakers: Breakers;
  readonly holds: Holds;
  readonly limits: Limits;
  readonly slots: SlotPool;
  readonly traffic: Traffic;
  readonly journal: Journal;
  readonly resolver: Resolver;
  readonly traces: Traces;
  /** Replaced when a reload names another source. */
  store: MappingStore;
  /** Every change goes through here, whoever asks for it. */
  readonly gate: ChangeGate;
  /** The processes that were taken over from, which have sessions still. */
  readonly predecessors: Predecessors;
  /** The other proxies. */
  readonly cluster: ClusterLink;
  /** Hold an account's logins; resolves once every worker knows. */
  hold(account: string, seconds: number): Promise<void>;
  /** Hold the logins of these accounts until the answer is called; resolves once every worker knows. */
  pin(accounts: readonly string[]): Promise<() => void>;
  /** Give every part the settings of a new configuration, and `store` to the resolver. */
  configure(served: Pick<Served, "config" | "caps">): void;
  /** How an account appears in administrative lines. */
  readonly shorten: (identifier: string) => string;
}
