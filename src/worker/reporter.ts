import { Distribution } from "../observe/distribution.ts";
import { HISTOGRAMS } from "../observe/metric_names.ts";
import { type HistogramName, keyOf } from "../observe/metrics.ts";
import type {
  ControlNotices,
  LogLine,
  SessionEvent,
} from "../port/messages.ts";

/** How long events wait for company. */
const BATCH_MS = 50;
const BATCH_EVENTS = 256;

type Notify = <K extends keyof ControlNotices & string>(
  name: K,
  argument: ControlNotices[K],
) => void;

/** Gathers what a worker has to tell so that a session costs a fraction of a message, not several. */
export class Reporter {
  #sessions: SessionEvent[] = [];
  #logs: LogLine[] = [];
  #counters: Record<string, number> = {};
  #counted = false;
  readonly #observed = new Map<string, Distribution>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly notify: Notify) {}

  session(event: SessionEvent): void {
    this.#sessions.push(event);
    if (this.#sessions.length >= BATCH_EVENTS) this.flush();
    else this.#arm();
  }

  log(level: LogLine["level"], event: string, fields: LogLine["fields"]): void {
    this.#logs.push({ level, event, fields });
    this.#arm();
  }

  count(counter: string, by = 1): void {
    this.#counters[counter] = (this.#counters[counter] ?? 0) + by;
    this.#counted = true;
    this.#arm();
  }

  /** Count a value of a histogram, in its unit. */
  observe(
    name: HistogramName,
    value: number,
    ...values: readonly string[]
  ): void {
    const key = keyOf(name, values);
    let found = this.#observed.get(key);
    if (!found) {
      found = new Distribution(HISTOGRAMS[name].buckets);
      this.#observed.set(key, found);
    }
    found.observe(value);
    this.#arm();
  }

  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#sessions.length > 0) {
      this.notify("sessions", this.#sessions);
      this.#sessions = [];
    }
    if (this.#logs.length > 0) {
      this.notify("logs", this.#logs);
      this.#logs = [];
    }
    if (this.#counted) {
      this.notify("counters", this.#counters);
      this.#counters = {};
      this.#counted = false;
    }
    if (this.#observed.size > 0) {
      const observed = [...this.#observed]
        .map(([key, values]) => [key, values.counted()]);
      this.notify("observations", Object.fromEntries(observed));
      this.#observed.clear();
    }
  }

  #arm(): void {
    this.#timer ??= setTimeout(() => this.flush(), BATCH_MS);
  }
}
