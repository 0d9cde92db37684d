/** Lets so many in at once; the others wait outside. */
export class Turnstile {
  #inside = 0;
  #waiting: (() => void) | null = null;

  constructor(private readonly most: number) {}

  /** Resolves when there is room. One waits at a time. */
  async room(): Promise<void> {
    while (this.#inside >= this.most) {
      await new Promise<void>((resolve) => this.#waiting = resolve);
    }
  }

  enter(): void {
    this.#inside++;
  }

  leave(): void {
    this.#inside--;
    this.#waiting?.();
    this.#waiting = null;
  }
}
