import {
  endEverywhere,
  endHere,
  forgetEverywhere,
  holdEverywhere,
} from "./everywhere.ts";
import type { Config } from "../config/schema.ts";
import { formatEndpoint } from "../net/address.ts";
import type { MetricView } from "../observe/metrics.ts";
import type { AuthorityView } from "../pki/local.ts";
import { legName } from "../port/leg_name.ts";
import type { EndReason } from "../port/messages.ts";
import type { Refused, Resolution } from "../route/resolver.ts";
import {
  accountKey,
  mustBeStorable,
  mustBeTarget,
  mustBeWritable,
  storeFailure,
} from "./accounts.ts";
import {
  ControlError,
  type ControlPlane,
  type DestinationStatus,
  type Explanation,
  type LimitList,
  type LimitTarget,
  type MappingView,
  type Readiness,
  type SessionFilter,
  type SessionView,
  type Stats,
  type UpstreamView,
} from "./api.ts";
import type { LiveConfig } from "./api_config.ts";
import type { BulkControl } from "./api_bulk.ts";
import type { MoveControl } from "./api_moves.ts";
import type { OverrideControl } from "./api_overrides.ts";
import type { TableControl } from "./api_tables.ts";
import { Bulk } from "./bulk/bulk.ts";
import type { ClusterControl, ClusterSessions } from "./api_cluster.ts";
import { explainRoute } from "./explain.ts";
import type { LimitEntry } from "./limits.ts";
import type { Parts } from "./parts.ts";
import type { SelfMade } from "./self_made.ts";
import { sessionsHere } from "./sessions_here.ts";
import { breakerLegs } from "./settings.ts";

/** Longer lists of who is counted are cut: the worst come first. */
const MOST_LIMITS_SHOWN = 1000;

/** The process as a whole. */
export interface Process {
  readiness(): Readiness;
  /** Stop accepting, let sessions finish, and exit. */
  shutDown(): void;
  /** Start the program anew, and let it take over; answers its number. Throws ControlError. */
  upgrade(): Promise<number>;
}

/** What the operations below have no means of their own for. */
export interface PlaneHost {
  /** The configuration in force, with what was set at run time. */
  served(): Config;
  readonly config: LiveConfig;
  readonly overrides: OverrideControl;
  readonly moves: MoveControl;
  /** Acls and maps; `plane` writes single mappings. */
  tables(plane: Plane): Pick<ControlPlane, "acls" | "maps">;
  readonly selfMade: Pick<SelfMade, "view">;
  process(): Process;
}

/** The operations of the control plane over its parts. */
export class Plane implements ControlPlane {
  readonly acls: TableControl;
  readonly maps: TableControl;
  readonly bulk: BulkControl;

  constructor(
    private readonly parts: Parts,
    private readonly host: PlaneHost,
  ) {
    const { acls, maps } = host.tables(this);
    this.acls = acls;
    this.maps = maps;
    this.bulk = new Bulk(parts, () => host.served());
  }

  get config(): LiveConfig {
    return this.host.config;
  }

  get overrides(): OverrideControl {
    return this.host.overrides;
  }

  get moves(): MoveControl {
    return this.host.moves;
  }

  get cluster(): Pick<ClusterControl, "view" | "reaching"> {
    return this.parts.cluster;
  }

  authority(id: string): Promise<AuthorityView> {
    return this.host.selfMade.view(id);
  }

  readiness(): Readiness {
    return this.host.process().readiness();
  }

  upgrade(): Promise<number> {
    return this.host.process().upgrade();
  }

  shutDown(): void {
    this.host.process().shutDown();
  }

  async stats(): Promise<Stats> {
    const { supervisor, resolver, registry, metrics, predecessors } =
      this.parts;
    await supervisor.ask("flush", null);
    const { misses, entries, hits: own } = resolver.stats();
    const hits = own + metrics.value("cache_hits");
    const asked = hits + misses;
    return {
      cache_hits: hits,
      cache_misses: misses,
      hit_rate_pct: asked === 0 ? 0 : Math.round(hits / asked * 10_000) / 100,
      cache_entries: entries,
      active_connections: registry.active + predecessors.connections,
    };
  }

  destinations(): readonly DestinationStatus[] {
    return this.parts.breakers.status();
  }

  resetDestination(destination: string): void {
    if (!this.parts.breakers.reset(destination)) {
      throw new ControlError("unknown", "unknown destination");
    }
  }

  async upstreams(): Promise<readonly UpstreamView[]> {
    const { breakers, registry, supervisor } = this.parts;
    await supervisor.ask("flush", null);
    const failures = new Map(
      breakers.status().flatMap(({ destination, legs }) =>
        legs.map((leg) => [
          legName(destination, leg.protocol),
          leg.consecutive_failures,
        ])
      ),
    );
    return breakerLegs(this.host.served()).map(
      ({ destination, protocol, host, port }) => ({
        address: formatEndpoint(host, port),
        destination,
        protocol,
        num_requests: registry.activeAtLeg(destination, protocol),
        fails: failures.get(legName(destination, protocol)) ?? 0,
      }),
    );
  }

  async mapping(identifier: string): Promise<MappingView> {
    const account = this.#account(identifier);
    const { resolver } = this.parts;
    const cached = resolver.peekCached(account) !== null;
    const route = await resolver.resolve(account);
    const { destination, isDefault } = this.#routed(route);
    return {
      identifier,
      normalized: account,
      destination,
      routed_to_default: isDefault,
      cached,
    };
  }

  async setMapping(identifier: string, destination: string): Promise<void> {
    const account = this.#account(identifier);
    mustBeTarget(this.host.served(), destination);
    await this.#write(account, (store) => store.set(account, destination));
    await this.#mustHold(account, destination);
  }

  async deleteMapping(identifier: string): Promise<boolean> {
    const account = this.#account(identifier);
    return await this.#write(account, (store) => store.delete(account));
  }

  async reloadMappings(): Promise<void> {
    try {
      await this.parts.store.reload();
    } catch (error) {
      throw storeFailure(error);
    }
    await forgetEverywhere(this.parts, null, false);
  }

  async invalidate(identifier: string | null): Promise<void> {
    const accounts = identifier === null ? null : [this.#account(identifier)];
    await forgetEverywhere(this.parts, accounts, true);
  }

  kick(identifier: string): Promise<number> {
    const target = { account: this.#account(identifier) };
    return endEverywhere(this.parts, target, "kicked");
  }

  async delay(identifier: string, seconds: number): Promise<void> {
    await holdEverywhere(this.parts, this.#account(identifier), seconds);
  }

  async sessions(filter: SessionFilter): Promise<readonly SessionView[]> {
    return await sessionsHere(this.parts, this.#filter(filter));
  }

  async clusterSessions(filter: SessionFilter): Promise<ClusterSessions> {
    const wanted = this.#filter(filter);
    return await this.parts.cluster.sessions(
      wanted,
      await sessionsHere(this.parts, wanted),
    );
  }

  async closeSession(id: string, reason: EndReason): Promise<boolean> {
    const target = { session: id };
    if (await endHere(this.parts, target, reason) > 0) return true;
    const asked = { target, reason };
    const elsewhere = await this.parts.cluster.ask("kick", asked);
    return [...elsewhere.values()].some((ended) => ended > 0);
  }

  limits(target: LimitTarget | null): LimitList {
    const { limits } = this.parts;
    const found = target === null
      ? limits.entries()
      : [limits.entry(...this.#limited(target))].filter((e) => e !== null);
    const shown = found.slice(0, MOST_LIMITS_SHOWN);
    return {
      counted: found.length,
      limits: shown.map((entry) => ({
        kind: entry.kind,
        name: entry.name,
        failures: entry.failures,
        refused_seconds: Math.ceil(entry.refusedFor / 1000),
        connections: entry.connections,
      })),
    };
  }

  clearLimit(target: LimitTarget): boolean {
    return this.parts.limits.forgive(...this.#limited(target));
  }

  async metrics(): Promise<readonly MetricView[]> {
    await this.parts.supervisor.ask("flush", null);
    return this.parts.metrics.snapshot();
  }

  explain(identifier: string): Promise<Explanation> {
    return explainRoute(identifier, this.parts, this.host.served());
  }

  #filter(filter: SessionFilter): SessionFilter {
    return filter.identifier === undefined
      ? filter
      : { ...filter, identifier: this.#account(filter.identifier) };
  }

  #limited(target: LimitTarget): [LimitEntry["kind"], string] {
    return "address" in target
      ? ["address", target.address]
      : ["account", this.#account(target.identifier)];
  }

  /** The key of an account, as sessions have it. */
  #account(identifier: string): string {
    return accountKey(this.host.served(), identifier);
  }

  #routed(route: Resolution | Refused): Resolution {
    if ("refused" in route) throw new ControlError("failed", route.refused);
    return route;
  }

  /** Another proxy may have written at the same time: the store decides, and each tells its caller. */
  async #mustHold(account: string, destination: string): Promise<void> {
    const { cluster, store } = this.parts;
    if (!cluster.isConfigured) return;
    const now = await store.get(account).catch(() => destination);
    if (now === destination) return;
    throw new ControlError(
      "conflict",
      `overtaken by a change made elsewhere: ${
        now ? `the account is on ${now} now` : "the account has no mapping now"
      }`,
    );
  }

  async #write<T>(
    account: string,
    write: (store: Parts["store"]) => Promise<T>,
  ): Promise<T> {
    const { store } = this.parts;
    mustBeWritable(store);
    mustBeStorable(store, account);
    let changed = false;
    try {
      const result = await write(store);
      changed = true;
      return result;
    } catch (error) {
      // Whether the store took it is not known; where it cannot be asked, what was known still counts.
      throw storeFailure(error);
    } finally {
      await forgetEverywhere(this.parts, [account], changed);
    }
  }
}
