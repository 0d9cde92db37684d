import type { EndReason } from "../port/messages.ts";
import { SessionEnd } from "../protocols/session_end.ts";
import type { BackendLeg } from "../protocols/backend_leg.ts";
import { StageTimes } from "./stage_times.ts";
import type { LoginTrace } from "./login_trace.ts";

/**
 * One login under way: what a kick, a departing client or the backend's time limit needs to reach,
 * whichever stage it is in.
 */
export class Attempt {
  /** The account's mapping changed since it was looked up: look again before the bridge. */
  stale = false;
  /** The backend's time limit has passed. */
  timedOut = false;
  leg: BackendLeg | null = null;
  readonly times = new StageTimes();
  /** Where somebody follows this login. */
  trace: LoginTrace | null = null;
  #cancelled: SessionEnd | null = null;
  /** Made when it is asked for: a request over a connection that is open needs none. */
  #abort: AbortController | null = null;
  #isStopped = false;
  #interrupt: ((end: SessionEnd) => void) | null = null;

  /** Aborted when the attempt is cancelled or out of time. */
  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    if (this.#isStopped) this.#abort.abort();
    return this.#abort.signal;
  }

  /** Why the attempt was cancelled, or null. */
  get cancelled(): SessionEnd | null {
    return this.#cancelled;
  }

  cancel(reason: EndReason): void {
    if (this.#cancelled) return;
    this.#cancelled = new SessionEnd(reason);
    this.#interrupt?.(this.#cancelled);
    this.#stop();
  }

  /** Out of time: the stage under way fails as the backend's fault. */
  timeOut(): void {
    this.timedOut = true;
    this.#stop();
  }

  /** Throws what cancelled the attempt. */
  check(): void {
    if (this.#cancelled) throw this.#cancelled;
  }

  /** Wait for something that a cancel cannot end by closing a connection. Throws what cancelled the attempt. */
  async interruptible<T>(promise: Promise<T>): Promise<T> {
    this.check();
    const interrupted = new Promise<never>((_, reject) =>
      this.#interrupt = reject
    );
    try {
      return await Promise.race([promise, interrupted]);
    } finally {
      this.#interrupt = null;
    }
  }

  #stop(): void {
    this.#isStopped = true;
    this.#abort?.abort();
    this.leg?.close();
  }
}
