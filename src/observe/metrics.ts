import type { EndReason, LogLine } from "../port/messages.ts";
import { COUNTERS, GAUGES } from "./metric_names.ts";

export type CounterName = keyof typeof COUNTERS;
export type GaugeName = keyof typeof GAUGES;

/** One value of a metric; `label` is its label's value, null for a metric without a label. */
export interface Sample {
  readonly label: string | null;
  readonly value: number;
}

/** One metric with all that is needed to show it in whatever format. */
export interface MetricView {
  readonly name: string;
  readonly kind: "counter" | "gauge";
  readonly help: string;
  /** Name of the label, null for a metric without one. */
  readonly label: string | null;
  readonly samples: readonly Sample[];
}

/** What a gauge shows at the moment it is asked: one number, or one for each value of its label. */
export type GaugeReader = () => number | ReadonlyMap<string, number>;

/**
 * The counters and gauges of the process. Counters with a label are named `name.value` in
 * increments, and all their values are there from the start, as zero.
 */
export class Metrics {
  #counters = new Map<string, number>();
  #gauges = new Map<string, GaugeReader>();

  constructor() {
    for (const [name, { values }] of Object.entries(COUNTERS)) {
      if (values === undefined) this.#counters.set(name, 0);
      else {
        for (const value of values) this.#counters.set(`${name}.${value}`, 0);
      }
    }
  }

  add(name: CounterName, by = 1): void {
    this.addAll({ [name]: by });
  }

  sessionEnded(reason: EndReason): void {
    this.addAll({ [`sessions_ended.${reason}`]: 1 });
  }

  /** Increments by name, from a worker. A name that is not declared is a bug, and counted as one. */
  addAll(increments: Readonly<Record<string, number>>): void {
    for (const [name, by] of Object.entries(increments)) {
      const known = this.#counters.has(name) ? name : "bugs";
      const value = known === name ? by : 1;
      this.#counters.set(known, (this.#counters.get(known) ?? 0) + value);
    }
  }

  /** A counter's value; of one with a label, all its values together. */
  value(name: CounterName): number {
    let sum = this.#counters.get(name) ?? 0;
    for (const value of COUNTERS[name].values ?? []) {
      sum += this.#counters.get(`${name}.${value}`) ?? 0;
    }
    return sum;
  }

  /** Where a gauge gets its number from. */
  gauge(name: GaugeName, read: GaugeReader): void {
    this.#gauges.set(name, read);
  }

  /** Everything declared, in the order of its declaration. */
  snapshot(): MetricView[] {
    return [
      ...Object.entries(COUNTERS).map(([name, { help, label, values }]) => ({
        name,
        kind: "counter" as const,
        help,
        label: label ?? null,
        samples: values === undefined
          ? [{ label: null, value: this.#counters.get(name) ?? 0 }]
          : values.map((value) => ({
            label: value,
            value: this.#counters.get(`${name}.${value}`) ?? 0,
          })),
      })),
      ...Object.entries(GAUGES).map(([name, { help, label }]) => ({
        name,
        kind: "gauge" as const,
        help,
        label: label ?? null,
        samples: samplesOf(this.#gauges.get(name)?.() ?? 0, label),
      })),
    ];
  }

  /** The line of each minute: every metric; of those with a label the values that are not zero. */
  line(): LogLine {
    const fields: Record<string, number> = {};
    for (const { name, samples } of this.snapshot()) {
      for (const { label, value } of samples) {
        if (label === null) fields[name] = value;
        else if (value !== 0) fields[`${name}.${label}`] = value;
      }
    }
    return { level: "info", event: "metrics", fields };
  }
}

function samplesOf(
  value: number | ReadonlyMap<string, number>,
  label: string | undefined,
): Sample[] {
  if (typeof value === "number") {
    return label === undefined ? [{ label: null, value }] : [];
  }
  return [...value].map(([label, value]) => ({ label, value }));
}
