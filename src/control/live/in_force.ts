import { forgetHere } from "../everywhere.ts";
import type { Env } from "../../config/environment.ts";
import { pickCertificate } from "../../net/certificates.ts";
import { readTrustRoots } from "../../net/trust_roots.ts";
import { Vacating } from "../../net/vacate.ts";
import type {
  ListenerSnapshot,
  SocketAddress,
  WorkerSnapshot,
} from "../../port/snapshot.ts";
import type { LegName } from "../worker_events.ts";
import { BindError, Binds, type Held } from "../binds.ts";
import { ImapProbe } from "../imap_probe.ts";
import { newlyBound } from "../newly_bound.ts";
import type { Parts } from "../parts.ts";
import { RootFinder } from "../root_finder.ts";
import type { SelfMade } from "../self_made.ts";
import type { Served } from "../served.ts";
import { buildSnapshot } from "../snapshot.ts";
import { type Facility, prepareAll } from "./facility.ts";

/** What is served now, and by what it is served. */
interface Placement {
  readonly served: Served;
  readonly binds: Binds;
  readonly snapshot: WorkerSnapshot;
}

export interface PutOptions {
  /** Read again what is kept in memory of files beside the configuration. */
  readonly reread: boolean;
  /** Awaited when all could be made and nothing is in force yet; what it throws calls everything off. */
  readonly settle?: () => Promise<void>;
}

/**
 * What is in force, in the workers and in the control plane. `put` is the one way to replace it, whoever
 * asks; callers see to it that only one runs at a time.
 */
export class InForce {
  #placement: Placement | null = null;
  #generation = 0;
  readonly #probe = new ImapProbe();
  readonly #roots = new RootFinder();

  constructor(
    private readonly parts: Parts,
    private readonly env: Env,
    private readonly selfMade: SelfMade,
    private readonly facilities: readonly Facility[],
    /** What was found out about a backend, and a certificate that comes to its end, ask for the same served anew. */
    private readonly renew: () => void,
    /** What another process has bound, which is about to be ours. */
    private readonly inherited: Held | null = null,
  ) {
    selfMade.watch(renew);
  }

  /** Null before the first `put`. */
  get served(): Served | null {
    return this.#placement?.served ?? null;
  }

  get snapshot(): WorkerSnapshot | null {
    return this.#placement?.snapshot ?? null;
  }

  /** Where the listeners are bound. */
  get binds(): Binds | null {
    return this.#placement?.binds ?? null;
  }

  get generation(): number {
    return this.#generation;
  }

  /**
   * Make all that is new (bind, open stores), serve it in every worker or in none, then retire what was
   * replaced. Throws BindError, StoreError or what `settle` throws; nothing has changed then.
   */
  async put(served: Served, { reread, settle }: PutOptions): Promise<void> {
    const { parts } = this;
    const binds = Binds.choose(
      served.config,
      this.#placement?.binds ?? this.inherited,
      served.stopped,
    );
    try {
      const { config, resources } = served;
      const selfMade = await this.selfMade.certificates(config, resources);
      const snapshot = buildSnapshot({
        generation: ++this.#generation,
        served,
        workers: parts.supervisor.size,
        selfMade: selfMade?.listeners ?? null,
        bind: (name) => binds.of(name),
        probedImap: this.#probe.common,
        trustRoots: readTrustRoots(this.env),
        rootOf: this.#roots.rootOf,
      });
      const certificate = selfMade?.admin ??
        pickCertificate(snapshot.certificates, "")!;
      const coming = { served, certificate, reread };
      const made = await prepareAll(this.facilities, coming);
      try {
        await this.#serve(snapshot, settle);
      } catch (error) {
        await made.abort();
        throw error;
      }
      const before = this.#placement?.snapshot.listeners ?? [];
      this.#placement = { served, binds, snapshot };
      this.#logListeners(before, snapshot.listeners);
      await made.commit();
    } finally {
      binds.release();
    }
    parts.configure(served);
    parts.metrics.add("config_reloads");
    // Routes that workers got between their switch and this line were judged by the old configuration.
    await forgetHere(parts, null);
    // Who reloads wants to know of changed backends now.
    if (reread) this.#probe.close();
    this.#followBackends(served);
  }

  /** Find out which authority signs for a leg, and serve it with that one alone. */
  async findRoot({ destination, protocol }: LegName): Promise<void> {
    const snapshot = this.snapshot!;
    const leg = snapshot.destinations[destination]?.legs[protocol];
    if (leg && await this.#roots.find(leg, snapshot)) this.renew();
  }

  /** Nothing more is found out about backends, and nothing renewed. */
  close(): void {
    this.selfMade.close();
    this.#probe.close();
  }

  /** A worker fails to prepare what it cannot bind; all else has been validated. */
  async #serve(
    snapshot: WorkerSnapshot,
    settle: () => Promise<void> = () => Promise.resolve(),
  ): Promise<void> {
    const vacating = this.#vacating(snapshot);
    let settling = false;
    try {
      await this.parts.supervisor.apply(
        snapshot,
        () => {
          settling = true;
          return settle();
        },
        async () => await vacating?.clear(addressesOf(snapshot)),
      );
    } catch (error) {
      throw settling ? error : new BindError((error as Error).message);
    }
    vacating?.done();
  }

  /** Null where no socket is replaced, or another process has some among them whose places are not known here. */
  #vacating(next: WorkerSnapshot): Vacating | null {
    const now = this.snapshot;
    if (now === null || socketsOf(now) === socketsOf(next)) return null;
    if (this.parts.predecessors.areSharing) return null;
    return new Vacating(addressesOf(now));
  }

  /** `advertise = "probe"`: ask the destinations, and put in force what they have in common. */
  #followBackends({ config }: Served): void {
    const { advertise } = config.capabilities.imap;
    if (advertise !== "probe") return this.#probe.close();
    this.#probe.follow(this.snapshot!, this.renew);
  }

  #logListeners(
    before: readonly ListenerSnapshot[],
    now: readonly ListenerSnapshot[],
  ): void {
    for (const { listener, protocol, address } of newlyBound(before, now)) {
      this.parts.log.info("listening", { listener, protocol, address });
    }
  }
}

function addressesOf({ listeners }: WorkerSnapshot): SocketAddress[] {
  return listeners.flatMap(({ bind }) => bind);
}

/** What the sockets of a snapshot are made by; the same for two that need no others. */
function socketsOf(
  { listeners, certificates, minTlsVersion }: WorkerSnapshot,
): string {
  const places = listeners.map((
    { name, bind, tls, proxyProtocol },
  ) => [name, bind, tls, proxyProtocol]);
  return JSON.stringify([places, certificates, minTlsVersion]);
}
