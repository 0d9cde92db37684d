/** Bytes of lines that wait for a reader; beyond it lines are dropped and counted. */
const MOST_WAITING = 4 * 1024 * 1024;

/** What lines are written to: `Deno.stderr`. */
export interface LogTarget {
  write(bytes: Uint8Array): Promise<number>;
}

/**
 * Writes lines in the background, those that came meanwhile in one piece: whoever logs never waits
 * for the reader, and one that stops reading costs a bounded amount of memory.
 */
export class LogWriter {
  #waiting: string[] = [];
  #size = 0;
  #dropped = 0;
  #pump: Promise<void> | null = null;
  #encoder = new TextEncoder();

  constructor(
    private readonly target: LogTarget,
    /** The line that tells how many are missing. */
    private readonly lost: (count: number) => string,
  ) {}

  push(line: string): void {
    if (this.#size + line.length > MOST_WAITING) {
      this.#dropped++;
      return;
    }
    this.#waiting.push(line);
    this.#size += line.length;
    this.#pump ??= this.#run();
  }

  /** Resolves when all is written that was pushed before, or after `ms`. */
  async flush(ms = 1000): Promise<void> {
    if (this.#pump === null) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, ms);
    });
    await Promise.race([this.#pump, late]);
    clearTimeout(timer);
  }

  async #run(): Promise<void> {
    // A turn later, so that the lines of one moment share a write.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      if (this.#dropped > 0) {
        this.#waiting.push(this.lost(this.#dropped));
        this.#dropped = 0;
      }
      const bytes = this.#encoder.encode(this.#waiting.join(""));
      this.#waiting = [];
      this.#size = 0;
      try {
        let done = 0;
        while (done < bytes.length) {
          done += await this.target.write(bytes.subarray(done));
        }
      } catch {
        // Whoever read the log has gone; there is nobody to tell.
      }
    }
    this.#pump = null;
  }
}
