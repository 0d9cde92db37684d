import { AsyncLocalStorage } from "node:async_hooks";
import type { Bus } from "../../cluster/bus.ts";
import type { SessionFilter, SessionView } from "../api.ts";
import { Pins } from "./pins.ts";
import type {
  ClusterBus,
  ClusterControl,
  ClusterMember,
  ClusterRequests,
  ClusterSessions,
  ClusterView,
  Reached,
} from "../api_cluster.ts";

type Name = keyof ClusterRequests;

/** What changes nothing need not be made good later. */
const OWED: Readonly<Record<Name, boolean>> = {
  forget: true,
  kick: true,
  evict: true,
  hold: false,
  pin: false,
  unpin: true,
  sessions: false,
};

/** The bus that the configuration names, and what is the same without one. */
export class ClusterLink implements ClusterBus, ClusterControl {
  /** Whom the requests of one caller did not reach. */
  readonly #unreached = new AsyncLocalStorage<Set<string>>();
  /** Of the others. */
  readonly pins = new Pins();
  #kind: ClusterView["bus"] = null;
  #bus: Bus | null = null;

  /** Null: alone. */
  use(kind: ClusterView["bus"], bus: Bus | null): void {
    this.#kind = kind;
    this.#bus = bus;
  }

  /** Null without a bus, and while it carries messages. */
  get problem(): string | null {
    return this.#bus?.problem ?? null;
  }

  get isConfigured(): boolean {
    return this.#bus !== null;
  }

  async ask<K extends Name>(
    name: K,
    argument: ClusterRequests[K]["in"],
  ): Promise<ReadonlyMap<string, ClusterRequests[K]["out"]>> {
    if (!this.#bus) return new Map();
    const { answers, unreached } = await this.#bus.ask(
      { name, argument },
      { owed: OWED[name] },
    );
    for (const line of unreached) this.#unreached.getStore()?.add(line);
    return answers as ReadonlyMap<string, ClusterRequests[K]["out"]>;
  }

  async reaching<T>(job: () => Promise<T>): Promise<Reached<T>> {
    const unreached = new Set<string>();
    const answer = await this.#unreached.run(unreached, job);
    return { answer, unreached: [...unreached] };
  }

  async sessions(
    filter: SessionFilter,
    own: readonly SessionView[],
  ): Promise<ClusterSessions> {
    const { answer, unreached } = await this.reaching(() =>
      this.ask("sessions", filter)
    );
    const self = this.#bus?.node ?? "";
    const incomplete = [...unreached];
    const sessions = own.map((session) => ({ node: self, ...session }));
    for (const [node, { sessions: theirs, isCut }] of answer) {
      for (const session of theirs) sessions.push({ ...session, node });
      if (isCut) incomplete.push(`${node}: has more than are listed`);
    }
    return { sessions, incomplete };
  }

  view(): ClusterView {
    return {
      bus: this.#kind,
      connected: this.#bus !== null && this.problem === null,
      problem: this.problem,
      members: this.members(),
    };
  }

  /** This proxy first. */
  members(): readonly ClusterMember[] {
    const bus = this.#bus;
    if (!bus) return [];
    const { self, others } = bus.members();
    const seconds = (ms: number) => Math.max(0, Math.round(ms / 100) / 10);
    return [
      {
        node: bus.node,
        version: self.version,
        is_self: true,
        reachable: true,
        uptime_seconds: seconds(self.up),
        age_seconds: 0,
        sessions: self.sessions,
      },
      ...others.map(({ node, version, sessions, up, age, isSilent }) => ({
        node,
        version,
        is_self: false,
        reachable: !isSilent,
        uptime_seconds: seconds(up),
        age_seconds: seconds(age),
        sessions,
      })),
    ];
  }
}
