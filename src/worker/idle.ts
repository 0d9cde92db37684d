import type { Flow } from "../net/bridge.ts";
import type { Deadline, Deadlines } from "../net/deadlines.ts";
import type { Session } from "./session.ts";

/** Idleness is looked for in so many parts of its limit; it is noticed at most one part late. */
const PARTS = 8;

/** Notices that no byte has passed either way for `limit` ms, and again when it goes on for as long. */
export class IdleWatch {
  #isPaused = false;
  #isStopped = false;
  #quiet = 0;
  #deadline: Deadline | null = null;

  constructor(
    private readonly deadlines: Deadlines,
    private readonly limit: number,
    private readonly flow: Flow,
    private readonly onIdle: () => void,
  ) {
    this.#look();
  }

  /** Nothing is to pass until `resume`. */
  pause(): void {
    this.#isPaused = true;
  }

  /** The limit begins anew. */
  resume(): void {
    this.#isPaused = false;
    this.flow.active = true;
  }

  stop(): void {
    this.#isStopped = true;
    this.#deadline?.cancel();
  }

  #look(): void {
    if (this.flow.active || this.#isPaused) this.#quiet = 0;
    this.flow.active = false;
    if (this.#quiet === PARTS) {
      this.#quiet = 0;
      this.onIdle();
      if (this.#isStopped) return;
    }
    this.#quiet++;
    this.#deadline = this.deadlines.after(
      this.limit / PARTS,
      () => this.#look(),
    );
  }
}

/** End the session when no byte has passed either way for `limit` ms (spec: `bridge_idle`). */
export function watchIdle(
  deadlines: Deadlines,
  session: Session,
  limit: number,
): IdleWatch {
  return new IdleWatch(
    deadlines,
    limit,
    session.flow,
    () => session.end("idle"),
  );
}
