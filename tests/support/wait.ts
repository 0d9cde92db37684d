/** Waiting with a deadline, so that a test that hangs says for what. */

/** How long a test waits for something that should happen at once on a busy machine. */
export const PATIENCE = 60_000;

/** `promise`, or an error that names `what` after `ms`. */
export async function within<T>(
  what: string,
  promise: Promise<T>,
  ms = PATIENCE,
): Promise<T> {
  let timer: number | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`${what}: not within ${ms} ms`)),
      ms,
    );
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** The first truthy answer of `probe`, asked again and again; an error that names `what` after `ms`. */
export async function until<T>(
  what: string,
  probe: () => T | Promise<T>,
  ms = PATIENCE,
): Promise<T> {
  const end = performance.now() + ms;
  for (;;) {
    const answer = await probe();
    if (answer) return answer;
    if (performance.now() > end) {
      throw new Error(`${what}: not within ${ms} ms`);
    }
    await pause(15);
  }
}

/** The step between two probes of something that sends no event. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Holds something up at a known place until the test lets it go; disposed, it lets everything go. */
export class Gate implements Disposable {
  #arrive = () => {};
  #open = () => {};
  /** Somebody waits at the gate. */
  readonly reached = new Promise<void>((resolve) => this.#arrive = resolve);
  readonly #opened = new Promise<void>((resolve) => this.#open = resolve);

  /** Wait at the gate. */
  pass(): Promise<void> {
    this.#arrive();
    return this.#opened;
  }

  open(): void {
    this.#open();
  }

  [Symbol.dispose](): void {
    this.open();
  }
}
