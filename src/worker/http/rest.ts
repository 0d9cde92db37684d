import type { Deadline, Deadlines } from "../../net/deadlines.ts";

/**
 * The time between two requests of a connection, and its limit. A connection rests as often as it is
 * asked something, so one limit is kept running rather than one made for each time.
 */
export class Rest {
  /** Of the deadlines' clock; null while it does not rest. */
  #since: number | null = null;
  #deadline: Deadline | null = null;

  constructor(
    private readonly deadlines: Deadlines,
    private readonly limit: number,
    private readonly onOver: () => void,
  ) {}

  begin(): void {
    this.#since = this.deadlines.now;
    if (this.#deadline === null) this.#arm(this.limit);
  }

  end(): void {
    this.#since = null;
  }

  stop(): void {
    this.#since = null;
    this.#deadline?.cancel();
    this.#deadline = null;
  }

  #arm(ms: number): void {
    this.#deadline = this.deadlines.after(ms, () => {
      this.#deadline = null;
      if (this.#since === null) return;
      const left = this.#since + this.limit - this.deadlines.now;
      if (left > 0) this.#arm(left);
      else this.onOver();
    });
  }
}
