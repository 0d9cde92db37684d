/** For so long at a time, ms, nobody else has a turn. */
const SLICE = 4;

/** Reading the time costs as much as some of the work does. */
const STEPS_A_LOOK = 64;

/** Lets everything else that is due run between the steps of long work. */
export class Turns {
  #since = performance.now();
  #steps = 0;

  /** Null where the work may go on at once. */
  step(): Promise<void> | null {
    if (++this.#steps % STEPS_A_LOOK !== 0) return null;
    return this.look();
  }

  /** The same for a step that is longer. */
  look(): Promise<void> | null {
    if (performance.now() - this.#since < SLICE) return null;
    return turn().then(() => void (this.#since = performance.now()));
  }
}

/** Lets everything else that is due run first. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
