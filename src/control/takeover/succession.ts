/** The side of a takeover that is taken over from. */
import { listenersAt, steer, steerNoMore } from "../../net/reuseport.ts";
import type { JsonLines } from "../../net/json_lines.ts";
import type { Log } from "../../observe/log.ts";
import { Port } from "../../port/port.ts";
import type { SocketAddress } from "../../port/snapshot.ts";
import { ControlError } from "../api.ts";
import type { ChangeGate } from "./change_gate.ts";
import {
  type Estate,
  type Inheritance,
  type NewNotices,
  type NewRequests,
  type OldNotices,
  type OldRequests,
  type SharedPort,
  TAKEOVER_VERSION,
} from "./messages.ts";
import { Proof } from "./proof.ts";

/** The old process's end of what it and the new one say to each other. */
export type NewPort = Port<NewRequests, NewNotices, OldRequests, OldNotices>;

/** A process that has taken over. */
export interface Heir {
  readonly pid: number;
  readonly port: NewPort;
  /** Resolves when new connections reach it, or it is gone. */
  readonly steered: Promise<void>;
  /** Resolves when it is gone. */
  readonly gone: Promise<void>;
}

/** What the daemon does for a takeover. */
export interface SuccessionHost {
  readonly log: Log;
  readonly gate: ChangeGate;
  /** Why nobody may take over now, or null. */
  refusal(): string | null;
  /** Nobody changes the configuration while `job` runs. */
  exclusively(job: () => Promise<void>): Promise<void>;
  /** Resolves when what this process took over itself has left the ports. */
  settled(): Promise<void>;
  /** Addresses on which both will listen. */
  addresses(): readonly SocketAddress[];
  inheritance(ports: readonly SharedPort[]): Inheritance;
  estate(): Estate;
  /** Runtime sockets get a second name, and the new process may put its own at the first. */
  stepAside(): void;
  /** They are where they were. */
  stepBack(): void;
  /** A process has taken over; it is asked for lookups from now on. */
  taken(heir: Heir): void;
  /** The process that took over before was itself taken over from. */
  adopted(heir: Heir): void;
  /** What an old process is asked as long as it has sessions. */
  readonly remaining: Pick<
    RequestHandlers,
    "invalidate" | "kick" | "evict" | "hold" | "sessions"
  >;
}

type RequestHandlers = {
  [K in keyof OldRequests]: (
    argument: OldRequests[K]["in"],
  ) => Promise<OldRequests[K]["out"]>;
};

/** From `begin` to `taken`; a process that hangs meanwhile must not hold changes up for ever. */
const READY_MS = 30_000;

const GONE_LOOK_MS = 50;
const GONE_LOOKS = 100;

/** A takeover that has begun and is not done. */
interface Claim {
  readonly by: JsonLines;
  pid: number;
  /** Why it failed, as far as that is known. */
  reason: string | null;
  /** Undoes what `begin` did; null before that. */
  undo: (() => void) | null;
  /** Ends the lock on the configuration. */
  readonly over: PromiseWithResolvers<void>;
}

export class Succession {
  #claim: Claim | null = null;
  /** The latest that failed said why. */
  #lastFailure: string | null = null;
  /** Resolves when a process that failed has left the ports. */
  #clearing: Promise<void> = Promise.resolve();
  /** Processes that were started here to take over, by their numbers; told when they have. */
  readonly #started = new Map<number, () => void>();

  constructor(
    private readonly host: SuccessionHost,
    private readonly readyWithin = READY_MS,
  ) {}

  /**
   * Speak with a process that gave the command on the runtime socket at this path, to the end of the
   * connection.
   */
  async serve(lines: JsonLines, socket: string): Promise<void> {
    const proof = new Proof(socket);
    const steered = Promise.withResolvers<void>();
    const who = { pid: 0 };
    const proved =
      <A, R>(handle: (argument: A) => Promise<R>) =>
      (argument: A): Promise<R> =>
        proof.shown
          ? handle(argument)
          : Promise.reject(new Error("it has not shown who it is"));
    const heir = (): Heir => ({
      pid: who.pid,
      port,
      steered: Promise.race([steered.promise, lines.ended]),
      gone: lines.ended,
    });
    const { remaining } = this.host;
    const port: NewPort = new Port<
      NewRequests,
      NewNotices,
      OldRequests,
      OldNotices
    >(lines, {
      hello: async ({ version, pid }) => {
        if (version !== TAKEOVER_VERSION) {
          throw new Error("it speaks another version of the takeover");
        }
        who.pid = pid;
        return { proof: await proof.ask() };
      },
      prove: async ({ proof: secret }) => {
        proof.show(secret);
        await proof.remove();
        return null;
      },
      claim: proved(() => this.#take(lines, who.pid)),
      begin: proved(() => this.#begin(lines)),
      switch: proved(() => this.#switch(lines)),
      taken: proved(() => this.#taken(lines, heir())),
      adopt: proved(() => {
        this.host.adopted(heir());
        return Promise.resolve(null);
      }),
      invalidate: proved(remaining.invalidate),
      kick: proved(remaining.kick),
      evict: proved(remaining.evict),
      hold: proved(remaining.hold),
      sessions: proved(remaining.sessions),
    }, {
      failed: ({ reason }) => {
        if (this.#claim?.by === lines) this.#claim.reason = reason;
      },
      steered: () => steered.resolve(),
    });
    await lines.run();
    port.close("the other process is gone");
    await proof.remove();
    this.#fail(lines);
  }

  /** Start a new process that takes over; answers its number. Throws ControlError. */
  async upgrade(start: () => Deno.ChildProcess): Promise<number> {
    if (this.#claim) throw new ControlError("conflict", TWICE);
    const refusal = this.host.refusal();
    if (refusal !== null) throw new ControlError("conflict", refusal);
    this.#lastFailure = null;
    const child = start();
    const taken = Promise.withResolvers<null>();
    this.#started.set(child.pid, () => taken.resolve(null));
    const status = await Promise.race([child.status, taken.promise]);
    this.#started.delete(child.pid);
    if (status === null) return child.pid;
    // Its last word may still be on its way.
    await this.#over();
    throw new ControlError(
      "failed",
      this.#lastFailure ?? `the new process ended with code ${status.code}`,
    );
  }

  /** Resolves when no takeover is under way. */
  async #over(): Promise<void> {
    await this.#claim?.over.promise;
  }

  #take(lines: JsonLines, pid: number): Promise<null> {
    if (this.#claim) throw new Error(TWICE);
    const refusal = this.host.refusal();
    if (refusal !== null) throw new Error(refusal);
    const over = Promise.withResolvers<void>();
    this.#claim = { by: lines, pid, reason: null, undo: null, over };
    this.host.log.info("takeover_begun", { by: pid });
    return Promise.resolve(null);
  }

  /** Whatever is awaited here, the connection may end meanwhile; `#fail` then finds what was done so far. */
  async #begin(lines: JsonLines): Promise<Inheritance> {
    const claim = this.#claimOf(lines);
    const { host } = this;
    const late = setTimeout(() => {
      claim.reason ??= "it was not ready in time";
      lines.close();
    }, this.readyWithin);
    const undo: (() => void)[] = [() => clearTimeout(late)];
    claim.undo = () => undo.reverse().forEach((each) => each());
    void claim.over.promise.then(() => clearTimeout(late));
    await host.settled();
    await this.#clearing;
    this.#claimOf(lines);
    undo.push(() => host.gate.open({ elsewhere: false }));
    await host.gate.close();
    const locked = Promise.withResolvers<void>();
    void host.exclusively(async () => {
      locked.resolve();
      await claim.over.promise;
    });
    await locked.promise;
    this.#claimOf(lines);
    const addresses = host.addresses();
    const ports = listenersAt(addresses)
      .map((sockets, i) => ({ address: addresses[i]!, sockets }));
    undo.push(() => this.#clearing = clear(addresses, claim.pid));
    const held = steer(
      ports.map(({ address, sockets }) => ({
        address,
        from: 0,
        count: sockets,
      })),
    );
    if (!held) host.log.warn("takeover_not_steered", {});
    undo.push(() => host.stepBack());
    return host.inheritance(ports);
  }

  #switch(lines: JsonLines): Promise<Estate> {
    this.#claimOf(lines);
    this.host.stepAside();
    return Promise.resolve(this.host.estate());
  }

  #taken(lines: JsonLines, heir: Heir): Promise<null> {
    const claim = this.#claimOf(lines);
    this.#claim = null;
    this.host.log.info("taken_over", { by: heir.pid });
    this.host.taken(heir);
    this.host.gate.open({ elsewhere: true });
    claim.over.resolve();
    this.#started.get(heir.pid)?.();
    return Promise.resolve(null);
  }

  #claimOf(lines: JsonLines): Claim {
    if (this.#claim?.by !== lines) throw new Error("there is no takeover");
    return this.#claim;
  }

  /** The connection is over; where it was a takeover that is not done, everything is as before. */
  #fail(lines: JsonLines): void {
    const claim = this.#claim;
    if (claim?.by !== lines) return;
    this.#claim = null;
    claim.undo?.();
    const reason = claim.reason ?? "it ended before it was ready";
    this.#lastFailure = reason;
    this.host.log.error("takeover_failed", { by: claim.pid, reason });
    claim.over.resolve();
  }
}

/**
 * New connections may go to any socket again, once a process that failed has none. A process that cannot
 * be seen to end, since it is another one's child, has closed what it had when it was killed.
 */
async function clear(
  addresses: readonly SocketAddress[],
  pid: number,
): Promise<void> {
  for (let looks = 0; looks < GONE_LOOKS && hasSockets(pid); looks++) {
    await new Promise((resolve) => setTimeout(resolve, GONE_LOOK_MS));
  }
  steerNoMore(addresses);
}

/** A process that has ended has no descriptors, though its number may be in use until its parent looks. */
function hasSockets(pid: number): boolean {
  try {
    return !Deno.readDirSync(`/proc/${pid}/fd`)[Symbol.iterator]().next().done;
  } catch {
    return false;
  }
}

const TWICE = "another process is taking over already";
