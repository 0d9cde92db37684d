/** Addresses that failed to authenticate too often are refused for a while. */
import { clientUnit } from "../control/client_unit.ts";

interface Entry {
  failures: number;
  /** When the entry is forgotten, and with it the lockout. */
  expires: number;
}

/** More addresses than this push the oldest out: memory is bounded whoever knocks. */
const MAX_ADDRESSES = 10_000;

export class Lockout {
  readonly #entries = new Map<string, Entry>();

  /** `duration` and the clock are milliseconds. */
  constructor(
    readonly threshold: number,
    readonly duration: number,
    readonly now: () => number = () => performance.now(),
  ) {}

  /** For how many more milliseconds the address is refused; 0: it is not. */
  remaining(address: string): number {
    const key = clientUnit(address);
    const entry = this.#entries.get(key);
    if (entry === undefined) return 0;
    const left = entry.expires - this.now();
    if (left <= 0) this.#entries.delete(key);
    return entry.failures >= this.threshold ? Math.max(0, left) : 0;
  }

  /** Counts a failure; true when this one locks the address out. */
  failed(address: string): boolean {
    const key = clientUnit(address);
    const entry = this.#entries.get(key);
    const expired = entry !== undefined && entry.expires <= this.now();
    const failures = (entry && !expired ? entry.failures : 0) + 1;
    this.#entries.delete(key);
    if (this.#entries.size >= MAX_ADDRESSES) {
      this.#entries.delete(this.#entries.keys().next().value!);
    }
    this.#entries.set(key, { failures, expires: this.now() + this.duration });
    return failures === this.threshold;
  }

  succeeded(address: string): void {
    this.#entries.delete(clientUnit(address));
  }
}
