/** Giving memory back to the system after a burst of sessions. */
import { trimMemory } from "../net/libc.ts";

const LOOK_MS = 5000;
/** So many sessions leave enough behind to be worth it. */
const BURST = 1000;
/** More ended sessions than this since the last look: the burst is not over. */
const CALM = 50;

/**
 * The C library keeps what sessions have freed. Once a burst is over it is asked to return it: while
 * one lasts the memory is used again at once, and asking would hold up the threads that allocate.
 */
export class MemoryTrim {
  #seen: number;
  #trimmed: number;
  #timer: ReturnType<typeof setInterval> | undefined;

  /** `ended`: how many sessions have ended so far. */
  constructor(
    private readonly ended: () => number,
    private readonly trim: () => void = trimMemory,
  ) {
    this.#seen = this.#trimmed = ended();
  }

  start(): void {
    this.#timer ??= setInterval(() => this.look(), LOOK_MS);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /** Called by the timer. */
  look(): void {
    const now = this.ended();
    const calm = now - this.#seen < CALM;
    this.#seen = now;
    if (!calm || now - this.#trimmed < BURST) return;
    this.#trimmed = now;
    this.trim();
  }
}
