import type { Deadline, Deadlines } from "../../net/deadlines.ts";
import type { Flow } from "../../net/bridge.ts";

/** Silence is looked for in so many parts of its limit; it is noticed at most one part late. */
const PARTS = 8;

/** Notices that a request or a response stands still (`relay_idle`); one timer for all of a connection's. */
export class Silence {
  /** A request is on its way, or its response. */
  busy = false;
  #quiet = 0;
  #stopped = false;
  #deadline: Deadline | null = null;

  constructor(
    private readonly deadlines: Deadlines,
    private readonly limit: number,
    private readonly flow: Flow,
    private readonly onSilence: () => void,
  ) {
    this.#look();
  }

  stop(): void {
    this.#stopped = true;
    this.#deadline?.cancel();
  }

  #look(): void {
    if (this.flow.active || !this.busy) this.#quiet = 0;
    else this.#quiet++;
    this.flow.active = false;
    if (this.#quiet > PARTS) {
      this.#quiet = 0;
      this.onSilence();
      if (this.#stopped) return;
    }
    this.#deadline = this.deadlines.after(
      this.limit / PARTS,
      () => this.#look(),
    );
  }
}
