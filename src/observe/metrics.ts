import type { LogLine } from "../port/messages.ts";
import { type Counted, Distribution } from "./distribution.ts";
import { COUNTERS, GAUGES, HISTOGRAMS } from "./metric_names.ts";

export type CounterName = keyof typeof COUNTERS;
export type GaugeName = keyof typeof GAUGES;
export type HistogramName = keyof typeof HISTOGRAMS;

/** One value of a metric with the values of its labels, in the order of their declaration. */
export interface Sample {
  readonly values: readonly string[];
  readonly value: number;
  /** Of a histogram; a bucket's `values` end with its upper bound. */
  readonly part?: "bucket" | "count" | "sum";
}

/** One metric with all that is needed to show it in whatever format. */
export interface MetricView {
  readonly name: string;
  readonly kind: "counter" | "gauge" | "info" | "histogram";
  readonly help: string;
  /** Names of the labels; of a histogram that of the bucket's bound, `le`, is the last. */
  readonly labels: readonly string[];
  readonly samples: readonly Sample[];
}

/** What a gauge shows at the moment it is asked: one number, or one for each combination of label values. */
export type GaugeReader = () => number | readonly Sample[];

/**
 * The counters, gauges and histograms of the process. In increments a counter with labels is named
 * `name.value.value`; all its combinations are there from the start, as zero.
 */
export class Metrics {
  #counters = new Map<string, number>();
  #gauges = new Map<string, GaugeReader>();
  #histograms = new Map<string, Distribution>();

  constructor() {
    for (const [name, { labels }] of Object.entries(COUNTERS)) {
      for (const values of combinations(Object.values(labels ?? {}))) {
        this.#counters.set(keyOf(name, values), 0);
      }
    }
    for (const [name, { labels, buckets }] of Object.entries(HISTOGRAMS)) {
      for (const values of combinations(Object.values(labels ?? {}))) {
        this.#histograms.set(keyOf(name, values), new Distribution(buckets));
      }
    }
  }

  /** `values` are those of the counter's labels, in their order. */
  add(name: CounterName, by = 1, ...values: readonly string[]): void {
    this.addAll({ [keyOf(name, values)]: by });
  }

  /** Increments by name, from a worker. A name that is not declared is a bug, and counted as one. */
  addAll(increments: Readonly<Record<string, number>>): void {
    for (const [name, by] of Object.entries(increments)) {
      const known = this.#counters.has(name) ? name : "bugs";
      const value = known === name ? by : 1;
      this.#counters.set(known, (this.#counters.get(known) ?? 0) + value);
    }
  }

  /** A counter's value; of one with labels, of all combinations together. */
  value(name: CounterName): number {
    const labels = Object.values(COUNTERS[name].labels ?? {});
    return combinations(labels)
      .reduce(
        (sum, values) => sum + this.#counters.get(keyOf(name, values))!,
        0,
      );
  }

  /** Count one value of a histogram, in its unit; `values` are those of its labels. */
  observe(
    name: HistogramName,
    value: number,
    ...values: readonly string[]
  ): void {
    this.#histograms.get(keyOf(name, values))!.observe(value);
  }

  /** What a worker has observed, by name. A name that is not declared is a bug, and counted as one. */
  observeAll(counted: Readonly<Record<string, Counted>>): void {
    for (const [name, values] of Object.entries(counted)) {
      const found = this.#histograms.get(name);
      if (found) found.add(values);
      else this.add("bugs");
    }
  }

  /** Where a gauge gets its number from. */
  gauge(name: GaugeName, read: GaugeReader): void {
    this.#gauges.set(name, read);
  }

  /** Everything declared, in the order of its declaration. */
  snapshot(): MetricView[] {
    return [
      ...Object.entries(COUNTERS).map(([name, { help, labels = {} }]) => ({
        name,
        kind: "counter" as const,
        help,
        labels: Object.keys(labels),
        samples: combinations(Object.values(labels)).map((values) => ({
          values,
          value: this.#counters.get(keyOf(name, values))!,
        })),
      })),
      ...Object.entries(HISTOGRAMS).map(
        ([name, { help, labels = {}, buckets }]) => ({
          name,
          kind: "histogram" as const,
          help,
          labels: [...Object.keys(labels), "le"],
          samples: combinations(Object.values(labels)).flatMap((values) =>
            distribution(
              values,
              buckets,
              this.#histograms.get(keyOf(name, values))!.counted(),
            )
          ),
        }),
      ),
      ...Object.entries(GAUGES).map(([name, { help, labels = [], info }]) => ({
        name,
        kind: info ? "info" as const : "gauge" as const,
        help,
        labels,
        samples: this.#read(name, labels),
      })),
    ];
  }

  /** The line of each minute: every counter and gauge; of those with labels the values that are not zero. */
  line(): LogLine {
    const fields: Record<string, number> = {};
    for (const { name, kind, samples } of this.snapshot()) {
      if (kind === "histogram") continue;
      if (GAUGES[name as GaugeName]?.unlogged) continue;
      for (const { values, value } of samples) {
        if (values.length === 0 || value !== 0) {
          fields[keyOf(name, values)] = value;
        }
      }
    }
    return { level: "info", event: "metrics", fields };
  }

  #read(name: string, labels: readonly string[]): readonly Sample[] {
    const read = this.#gauges.get(name)?.() ?? (labels.length === 0 ? 0 : []);
    return typeof read === "number" ? [{ values: [], value: read }] : read;
  }
}

/** As a scraper wants it: buckets count all that lies below their bound. */
function distribution(
  values: readonly string[],
  buckets: readonly number[],
  { counts, sum }: Counted,
): Sample[] {
  let total = 0;
  const parts: Sample[] = [...counts].map((count, i) => {
    const bound = i < buckets.length ? String(buckets[i]) : "+Inf";
    total += count;
    return { values: [...values, bound], value: total, part: "bucket" };
  });
  return [
    ...parts,
    { values, value: total, part: "count" },
    { values, value: sum, part: "sum" },
  ];
}

/** The name of one combination of label values, in increments and in the log. */
export function keyOf(name: string, values: readonly string[]): string {
  return [name, ...values].join(".");
}

/** Every choice of one element of each list; one empty choice from no lists. */
function combinations(lists: readonly (readonly string[])[]): string[][] {
  return lists.reduce<string[][]>(
    (all, list) => all.flatMap((head) => list.map((value) => [...head, value])),
    [[]],
  );
}
