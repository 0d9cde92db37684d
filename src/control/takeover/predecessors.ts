import type {
  EndReason,
  KickTarget,
  MovedAccount,
} from "../../port/messages.ts";
import type { Port } from "../../port/port.ts";
import type { SessionFilter, SessionView } from "../api.ts";
import type {
  NewNotices,
  NewRequests,
  OldNotices,
  OldProcess,
  OldRequests,
} from "./messages.ts";

/** The new process's end of what it and an old one say to each other. */
export type OldPort = Port<OldRequests, OldNotices, NewRequests, NewNotices>;

/** As long as a worker has: one that answers nothing for so long is stuck, and so are all its sessions. */
const STUCK_MS = 30_000;

export interface PredecessorEvents {
  /** Its connections by listener have changed. */
  counted(pid: number, counts: Readonly<Record<string, number>>): void;
  /** It does not answer, and is killed. */
  stuck(pid: number): void;
  gone(old: OldProcess): void;
}

/** A process that was taken over from and has sessions still. */
interface Predecessor extends OldProcess {
  readonly port: OldPort;
  /** Resolves when it has closed its sockets on the ports that it shared. */
  readonly left: PromiseWithResolvers<void>;
  isSharing: boolean;
  counts: Readonly<Record<string, number>>;
}

/** The processes that this one has taken over from, for as long as they have sessions. */
export class Predecessors {
  readonly #all = new Map<number, Predecessor>();

  constructor(
    private readonly events: PredecessorEvents,
    private readonly stuckAfter = STUCK_MS,
  ) {}

  /** It has its say in what is asked here until `ended` resolves. */
  add(old: OldProcess, port: OldPort, ended: Promise<void>): void {
    const left = Promise.withResolvers<void>();
    const isSharing = true;
    this.#all.set(old.pid, { ...old, port, left, isSharing, counts: {} });
    void ended.then(() => {
      this.#all.delete(old.pid);
      left.resolve();
      this.events.gone(old);
    });
  }

  list(): OldProcess[] {
    return [...this.#all.values()].map(({ pid, socket }) => ({ pid, socket }));
  }

  count(pid: number, counts: Readonly<Record<string, number>>): void {
    const old = this.#all.get(pid);
    if (!old) return;
    const none = Object.keys(old.counts).map((listener) => [listener, 0]);
    this.events.counted(pid, { ...Object.fromEntries(none), ...counts });
    old.counts = counts;
  }

  left(pid: number): void {
    const old = this.#all.get(pid);
    if (!old) return;
    old.isSharing = false;
    old.left.resolve();
  }

  /** Whether one of them has sockets on shared ports still. */
  get areSharing(): boolean {
    return [...this.#all.values()].some(({ isSharing }) => isSharing);
  }

  /** Resolves when none of them has a socket on a shared port any more. */
  async allLeft(): Promise<void> {
    await Promise.all([...this.#all.values()].map(({ left }) => left.promise));
  }

  /** Their connections. */
  get connections(): number {
    let sum = 0;
    for (const { counts } of this.#all.values()) {
      for (const count of Object.values(counts)) sum += count;
    }
    return sum;
  }

  /** Once this resolves none of them routes by what was known before. */
  async invalidate(identifiers: readonly string[] | null): Promise<void> {
    await this.#ask("invalidate", { identifiers });
  }

  /** Answers how many sessions were ended. */
  async kick(target: KickTarget, reason: EndReason): Promise<number> {
    const ended = await this.#ask("kick", { target, reason });
    return ended.reduce((sum, count) => sum + count, 0);
  }

  /** Answers of each how many sessions of these accounts it has ended. */
  evict(moved: readonly MovedAccount[]): Promise<number[][]> {
    return this.#ask("evict", { moved });
  }

  async hold(identifier: string, seconds: number): Promise<void> {
    await this.#ask("hold", { identifier, seconds });
  }

  async sessions(filter: SessionFilter): Promise<SessionView[]> {
    return (await this.#ask("sessions", filter)).flat();
  }

  /** Ask all of them; one that ends meanwhile has no answer, and nothing left to act on. */
  async #ask<K extends keyof OldRequests & string>(
    name: K,
    argument: OldRequests[K]["in"],
  ): Promise<OldRequests[K]["out"][]> {
    const answers = await Promise.all(
      [...this.#all.values()].map(async ({ pid, port }) => {
        const timer = setTimeout(() => this.events.stuck(pid), this.stuckAfter);
        try {
          return [await port.call(name, argument)];
        } catch {
          return [];
        } finally {
          clearTimeout(timer);
        }
      }),
    );
    return answers.flat();
  }
}
