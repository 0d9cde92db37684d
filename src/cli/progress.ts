/** How far long work is, on one line of a terminal. */

const BAR = 24;
const EVERY_MS = 200;

export interface Shown {
  /** Of `total`, in whatever unit; null: how much there is is not known. */
  readonly done: number;
  readonly total: number | null;
  readonly rows: number;
  /** Milliseconds since the begin. */
  readonly elapsed: number;
}

/** `[#####-------] 41%  1,234,567 rows  52,000 rows/s  0:34 left` */
export function progressLine({ done, total, rows, elapsed }: Shown): string {
  const seconds = elapsed / 1000;
  const rate = seconds > 0 ? Math.round(rows / seconds) : 0;
  const counts = `${grouped(rows)} rows  ${grouped(rate)} rows/s`;
  if (total === null || total === 0) return counts;
  const part = Math.min(1, done / total);
  const filled = Math.round(part * BAR);
  const bar = "#".repeat(filled) + "-".repeat(BAR - filled);
  const left = part === 0 ? "" : `  ${clock(seconds / part - seconds)} left`;
  return `[${bar}] ${Math.floor(part * 100)}%  ${counts}${left}`;
}

/** Shows the line from time to time, and takes it away at the end. */
export class Progress {
  readonly #begin = performance.now();
  #next = EVERY_MS;
  #isShown = false;

  /** `write` goes to a terminal; null: there is none, and nothing is shown. */
  constructor(private readonly write: ((text: string) => void) | null) {}

  update(shown: Omit<Shown, "elapsed">): void {
    const elapsed = performance.now() - this.#begin;
    if (this.write === null || elapsed < this.#next) return;
    this.#next = elapsed + EVERY_MS;
    this.#put(progressLine({ ...shown, elapsed }));
  }

  /** In place of the bar, while nothing is counted. */
  say(text: string): void {
    if (this.write !== null && this.#isShown) this.#put(text);
  }

  end(): void {
    if (this.#isShown) this.#put("");
    this.#isShown = false;
  }

  /** Back to the first column, and nothing behind the text (ECMA-48 8.3.41). */
  #put(text: string): void {
    this.#isShown = true;
    this.write?.(`\r${text}\x1b[K`);
  }
}

function grouped(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ",");
}

function clock(seconds: number): string {
  const whole = Math.ceil(seconds);
  const [h, m, s] = [whole / 3600, whole / 60 % 60, whole % 60].map(Math.floor);
  const tail = String(s).padStart(2, "0");
  return h! > 0 ? `${h}:${String(m).padStart(2, "0")}:${tail}` : `${m}:${tail}`;
}
