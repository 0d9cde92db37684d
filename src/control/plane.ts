import { endEverywhere, forgetEverywhere } from "./everywhere.ts";
import type { Config } from "../config/schema.ts";
import { formatEndpoint } from "../net/address.ts";
import type { MetricView } from "../observe/metrics.ts";
import type { AuthorityView } from "../pki/authority.ts";
import type { EndReason, KickTarget } from "../port/messages.ts";
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
import type { MoveControl } from "./api_moves.ts";
import type { OverrideControl } from "./api_overrides.ts";
import type { TableControl } from "./api_tables.ts";
import { explainRoute } from "./explain.ts";
import type { LimitEntry } from "./limits.ts";
import type { Parts } from "./parts.ts";
import type { SelfMade } from "./self_made.ts";
import { legName } from "./served.ts";
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

  constructor(
    private readonly parts: Parts,
    private readonly host: PlaneHost,
  ) {
    const { acls, maps } = host.tables(this);
    this.acls = acls;
    this.maps = maps;
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
    this.parts.resolver.outdate(null);
    await this.#forgetInWorkers(null);
  }

  async invalidate(identifier: string | null): Promise<void> {
    await this.#forget(identifier === null ? null : this.#account(identifier));
  }

  kick(identifier: string): Promise<number> {
    return this.#end({ account: this.#account(identifier) }, "kicked");
  }

  async delay(identifier: string, seconds: number): Promise<void> {
    const account = this.#account(identifier);
    const { parts } = this;
    await Promise.all([
      parts.hold(account, seconds),
      parts.predecessors.hold(account, seconds),
    ]);
  }

  async sessions(filter: SessionFilter): Promise<readonly SessionView[]> {
    const { supervisor, registry, predecessors } = this.parts;
    const wanted = filter.identifier === undefined
      ? filter
      : { ...filter, identifier: this.#account(filter.identifier) };
    const [older] = await Promise.all([
      predecessors.sessions(wanted),
      supervisor.ask("flush", null),
    ]);
    return [...registry.list(wanted), ...older];
  }

  async closeSession(id: string, reason: EndReason): Promise<boolean> {
    return await this.#end({ session: id }, reason) > 0;
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

  async #write<T>(
    account: string,
    write: (store: Parts["store"]) => Promise<T>,
  ): Promise<T> {
    const { store } = this.parts;
    mustBeWritable(store);
    mustBeStorable(store, account);
    try {
      const result = await write(store);
      this.parts.resolver.invalidate(account);
      return result;
    } catch (error) {
      // Whether the store took it is not known; where it cannot be asked, what was known still counts.
      this.parts.resolver.outdate(account);
      throw storeFailure(error);
    } finally {
      await this.#forgetInWorkers(account);
    }
  }

  /** Once this resolves no worker routes by what was known before. */
  async #forget(account: string | null): Promise<void> {
    this.parts.resolver.invalidate(account);
    await this.#forgetInWorkers(account);
  }

  async #forgetInWorkers(account: string | null): Promise<void> {
    await forgetEverywhere(this.parts, account === null ? null : [account]);
  }

  #end(target: KickTarget, reason: EndReason): Promise<number> {
    return endEverywhere(this.parts, target, reason);
  }
}
