import type {
  ControlNotices,
  ControlRequests,
  LegState,
  WorkerNotices,
  WorkerRequests,
} from "../port/messages.ts";
import { type Handlers, type NoticeHandlers, Port } from "../port/port.ts";
import type { WorkerSnapshot } from "../port/snapshot.ts";

type WorkerPort = Port<
  WorkerRequests,
  WorkerNotices,
  ControlRequests,
  ControlNotices
>;

/** What the supervisor needs of the rest of the control plane. */
export interface SupervisorEvents {
  /** What worker number `worker` may ask and tell. */
  handlers(worker: number): {
    readonly requests: Handlers<ControlRequests>;
    readonly notices: NoticeHandlers<Omit<ControlNotices, "ready">>;
  };
  /** A worker is gone, with all its sessions; another one takes its place. */
  lost(worker: number, reason: string): void;
  /** What a worker that joins must know beyond the snapshot. */
  briefing(): {
    readonly legs: readonly LegState[];
    readonly held: readonly string[];
    readonly traced: readonly string[];
  };
}

interface Member {
  readonly number: number;
  readonly thread: Worker;
  readonly port: WorkerPort;
  readonly ready: Promise<void>;
  lastHeard: number;
  /** As of then; 0 before it was first asked. */
  heapUsed: number;
  /** It has been given a configuration at least once. */
  served: boolean;
  lost: boolean;
}

const HEARTBEAT_MS = 5000;
/** A worker that answers nothing for so long is stuck, and so are all its sessions. */
const STUCK_MS = 30_000;
/** Before a worker that failed at its start is replaced. */
const RESPAWN_MS = 1000;
const START_MS = 20_000;

/** Starts the data-plane workers, speaks to all of them as one, and replaces those that die. */
export class Supervisor {
  #members: Member[] = [];
  #snapshot: WorkerSnapshot | null = null;
  #heartbeat: ReturnType<typeof setInterval> | undefined;
  #stopped = false;
  readonly #respawns = new Set<ReturnType<typeof setTimeout>>();
  #draining = false;

  constructor(
    private readonly count: number,
    private readonly events: SupervisorEvents,
  ) {}

  /** How many workers there are to be. */
  get size(): number {
    return this.count;
  }

  /** Bytes of each worker that was asked already, as of some seconds ago. */
  heaps(): { readonly worker: number; readonly heapUsed: number }[] {
    return this.#members.flatMap(({ number, heapUsed }) =>
      heapUsed > 0 ? [{ worker: number, heapUsed }] : []
    );
  }

  async start(): Promise<void> {
    this.#members = Array.from(
      { length: this.count },
      (_, number) => this.#spawn(number),
    );
    await Promise.all(this.#members.map((member) => member.ready));
    this.#heartbeat = setInterval(() => this.#beat(), HEARTBEAT_MS);
  }

  /**
   * Serve a snapshot in every worker or in none: all prepare, then `settle` is awaited, then all
   * commit, then `vacate` is awaited, and sockets that are of no use any more are closed. Rejects with
   * the first reason for which one could not prepare, or with that of `settle`; nothing has changed then.
   */
  async apply(
    snapshot: WorkerSnapshot,
    settle: () => Promise<void> = () => Promise.resolve(),
    vacate: () => Promise<void> = () => Promise.resolve(),
  ): Promise<void> {
    const members = [...this.#members];
    const generation = { generation: snapshot.generation };
    try {
      const prepared = await Promise.allSettled(
        members.map(({ port }) => port.call("prepare", snapshot)),
      );
      const failure = prepared.find((result) => result.status === "rejected");
      if (failure) throw failure.reason;
      await settle();
    } catch (error) {
      await Promise.allSettled(
        members.map(({ port }) => port.call("abort", generation)),
      );
      throw error;
    }
    this.#snapshot = snapshot;
    await Promise.all(
      members.map((member) =>
        member.port.call("commit", generation).then(
          () => member.served = true,
          (error: Error) =>
            this.#lose(member, `did not commit: ${error.message}`),
        )
      ),
    );
    await vacate();
    await this.ask("retire", null);
  }

  /** Ask every worker; a worker that dies meanwhile has no answer, and nothing left to act on. */
  async ask<K extends keyof WorkerRequests & string>(
    name: K,
    argument: WorkerRequests[K]["in"],
  ): Promise<WorkerRequests[K]["out"][]> {
    const answers = await Promise.allSettled(
      this.#members.map(({ port }) => port.call(name, argument)),
    );
    return answers.flatMap((answer) =>
      answer.status === "fulfilled" ? [answer.value] : []
    );
  }

  /** Ask one worker. Rejects when it is gone. */
  askOne<K extends keyof WorkerRequests & string>(
    worker: number,
    name: K,
    argument: WorkerRequests[K]["in"],
  ): Promise<WorkerRequests[K]["out"]> {
    const member = this.#members[worker];
    return member
      ? member.port.call(name, argument)
      : Promise.reject(new Error(`there is no worker ${worker}`));
  }

  /** Tell every worker. */
  tell<K extends keyof WorkerNotices & string>(
    name: K,
    argument: WorkerNotices[K],
  ): void {
    for (const { port } of this.#members) port.notify(name, argument);
  }

  /**
   * Stop accepting in every worker, and in those that replace one. `part`: who has not logged in is sent
   * away, and who has is to end soon.
   */
  async drain(how: { readonly part: boolean }): Promise<void> {
    this.#draining = true;
    await this.ask("drain", how);
  }

  /** End a worker as if it had died. */
  terminate(number: number, reason: string): void {
    const member = this.#members[number];
    if (member) this.#lose(member, reason);
  }

  /** End all workers and their sessions. */
  stop(): void {
    this.#stopped = true;
    clearInterval(this.#heartbeat);
    for (const timer of this.#respawns) clearTimeout(timer);
    for (const { port, thread } of this.#members) {
      port.close("stopping");
      thread.terminate();
    }
    this.#members = [];
  }

  #spawn(number: number): Member {
    const thread = new Worker(
      new URL("../worker/main.ts", import.meta.url),
      { type: "module", name: `worker-${number}` },
    );
    const ready = Promise.withResolvers<void>();
    const { requests, notices } = this.events.handlers(number);
    const port: WorkerPort = new Port(thread, requests, {
      ...notices,
      ready: () => ready.resolve(),
    });
    const member: Member = {
      number,
      thread,
      port,
      ready: ready.promise,
      lastHeard: performance.now(),
      heapUsed: 0,
      served: false,
      lost: false,
    };
    thread.addEventListener("error", (event) => {
      event.preventDefault();
      ready.reject(new Error(event.message));
      this.#lose(member, event.message);
    });
    return member;
  }

  #lose(member: Member, reason: string): void {
    if (this.#stopped || member.lost) return;
    member.lost = true;
    member.port.close("the worker is gone");
    member.thread.terminate();
    this.events.lost(member.number, reason);
    // One that never served is likely to fail again: a tight loop would only burn a core.
    if (member.served) return this.#replace(member.number);
    const timer = setTimeout(() => {
      this.#respawns.delete(timer);
      this.#replace(member.number);
    }, RESPAWN_MS);
    this.#respawns.add(timer);
  }

  #replace(number: number): void {
    if (this.#stopped) return;
    const successor = this.#spawn(number);
    this.#members[number] = successor;
    this.#brief(successor).then(
      () => successor.served = true,
      (error: Error) =>
        this.#lose(successor, `did not start: ${error.message}`),
    );
  }

  async #brief(member: Member): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error("no sign of life")), START_MS);
    });
    await Promise.race([member.ready, late]).finally(() => clearTimeout(timer));
    const { legs, held, traced } = this.events.briefing();
    member.port.notify("breaker", legs);
    // All in one go: what ends meanwhile must be heard of after it was told.
    await Promise.all([
      member.port.call("hold", { identifiers: held, held: true }),
      ...traced.map((identifier) =>
        member.port.call("trace", { identifier, traced: true })
      ),
    ]);
    let served: WorkerSnapshot | null = null;
    while (served !== this.#snapshot && !this.#draining) {
      const snapshot: WorkerSnapshot = this.#snapshot!;
      await member.port.call("prepare", snapshot);
      await member.port.call("commit", { generation: snapshot.generation });
      served = snapshot;
    }
  }

  #beat(): void {
    const now = performance.now();
    for (const member of this.#members) {
      if (now - member.lastHeard > STUCK_MS) {
        this.#lose(member, `no answer for ${STUCK_MS / 1000} s`);
        continue;
      }
      member.port.call("inspect", null).then(
        ({ heapUsed }) => {
          member.lastHeard = performance.now();
          member.heapUsed = heapUsed;
        },
        () => {},
      );
    }
  }
}
