import type { Clock } from "../observe/clock.ts";
import type { Beat } from "./message.ts";

/** A member that is heard of so much later than it should be is not waited for. */
export const SILENT_MS = 5000;

/** How long one that is silent is still named: it may be there, and know nothing of what is done. */
export const FORGOTTEN_MS = 600_000;

interface Member {
  /** Of its process. */
  readonly id: string;
  readonly node: string;
  readonly version: string;
  readonly sessions: number;
  /** When it was started and when it was heard last, by this proxy's clock. */
  readonly started: number;
  readonly heard: number;
}

export interface KnownMember
  extends Pick<Member, "id" | "node" | "version" | "sessions"> {
  /** Milliseconds since it was started, and since it was heard last. */
  readonly up: number;
  readonly age: number;
  readonly isSilent: boolean;
}

/** The other proxies, as far as they were heard of. */
export class Members {
  readonly #all = new Map<string, Member>();

  constructor(private readonly clock: Clock) {}

  /** True for one that was not there. What had its name when it came is gone, unless it is heard again. */
  beat({ from: id, node, version, sessions, up, hello }: Beat): boolean {
    const now = this.clock.now();
    const member = {
      id,
      node,
      version,
      sessions,
      started: now - up,
      heard: now,
    };
    const known = this.#all.has(id);
    for (const other of this.#all.values()) {
      if (hello && other.node === node) this.#all.delete(other.id);
    }
    this.#all.set(id, member);
    return !known;
  }

  /** Its name, or null when it was not there. */
  left(id: string): string | null {
    const node = this.#all.get(id)?.node ?? null;
    this.#all.delete(id);
    return node;
  }

  /** Whether it answers, and drops those that have been silent for very long. */
  list(): KnownMember[] {
    const now = this.clock.now();
    for (const { id, heard } of this.#all.values()) {
      if (now - heard > FORGOTTEN_MS) this.#all.delete(id);
    }
    return [...this.#all.values()].map((
      { id, node, version, sessions, started, heard },
    ) => ({
      id,
      node,
      version,
      sessions,
      up: now - started,
      age: now - heard,
      isSilent: now - heard > SILENT_MS,
    }));
  }

  nameOf(id: string): string | undefined {
    return this.#all.get(id)?.node;
  }
}
