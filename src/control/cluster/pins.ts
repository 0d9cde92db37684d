import { LONGEST_HOLD } from "../holds.ts";

interface Pin {
  readonly pinned: Promise<() => void>;
  readonly timer: ReturnType<typeof setTimeout>;
}

/** Logins that are held for what another proxy does, which may not come back to let them go. */
export class Pins {
  readonly #pins = new Map<string, Pin>();

  keep(id: string, pinned: Promise<() => void>): void {
    this.release(id);
    const timer = setTimeout(() => this.release(id), LONGEST_HOLD * 1000);
    this.#pins.set(id, { pinned, timer });
  }

  release(id: string): void {
    const pin = this.#pins.get(id);
    if (!pin) return;
    this.#pins.delete(id);
    clearTimeout(pin.timer);
    // Where it could not be held, whoever asked for it was told.
    pin.pinned.then((release) => release(), () => {});
  }

  close(): void {
    for (const id of [...this.#pins.keys()]) this.release(id);
  }
}
