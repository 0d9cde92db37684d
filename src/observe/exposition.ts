/**
 * Metrics as text for a scraper. There is no library in between: the values are summed from several
 * workers already, and what is left is this rendering.
 */
import { METRIC_PREFIX } from "./metric_names.ts";
import type { MetricView } from "./metrics.ts";

export const OPENMETRICS =
  "application/openmetrics-text; version=1.0.0; charset=utf-8";
export const PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8";

export type ExpositionType = typeof OPENMETRICS | typeof PROMETHEUS;

/** The form that an Accept header prefers; OpenMetrics where it does not care. */
export function chooseExposition(accept: string | null): ExpositionType {
  if (accept === null) return OPENMETRICS;
  const plain = quality(accept, "text/plain");
  return plain > quality(accept, "application/openmetrics-text")
    ? PROMETHEUS
    : OPENMETRICS;
}

/** Without the last line's end. */
export function exposition(
  metrics: readonly MetricView[],
  type: ExpositionType,
): string {
  const lines = metrics.flatMap((metric) => family(metric, type));
  if (type === OPENMETRICS) lines.push("# EOF");
  return lines.join("\n");
}

/** OpenMetrics names the family without the suffix of its samples, the older form with it. */
function family(metric: MetricView, type: ExpositionType): string[] {
  const suffix = metric.kind === "counter"
    ? "_total"
    : metric.kind === "info"
    ? "_info"
    : "";
  const base = METRIC_PREFIX + metric.name;
  const sample = base + suffix;
  const open = type === OPENMETRICS;
  const kind = metric.kind === "info" && !open ? "gauge" : metric.kind;
  const title = open ? base : sample;
  return [
    `# HELP ${title} ${
      open ? escapeQuoted(metric.help) : escapeText(metric.help)
    }`,
    `# TYPE ${title} ${kind}`,
    ...metric.samples.map(({ values, value, part }) =>
      `${sample}${part ? `_${part}` : ""}${
        labelSet(metric.labels, values)
      } ${value}`
    ),
  ];
}

function labelSet(
  labels: readonly string[],
  values: readonly string[],
): string {
  if (values.length === 0) return "";
  const pairs = values.map((value, i) =>
    `${labels[i]}="${escapeQuoted(value)}"`
  );
  return `{${pairs.join(",")}}`;
}

function escapeQuoted(text: string): string {
  return escapeText(text).replaceAll('"', '\\"');
}

function escapeText(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}

/** How much an Accept header wants a type, 0 to 1; the most specific range counts (RFC 9110 12.5.1). */
export function quality(accept: string, type: string): number {
  const wanted = [type, `${type.split("/")[0]}/*`, "*/*"];
  const found = new Map<string, number>();
  for (const part of accept.split(",")) {
    const [range = "", ...parameters] = part.split(";")
      .map((text) => text.trim().toLowerCase());
    const q = parameters.find((parameter) => parameter.startsWith("q="));
    const value = q === undefined ? 1 : Number(q.slice(2));
    found.set(range, Math.max(found.get(range) ?? 0, value || 0));
  }
  for (const range of wanted) {
    const value = found.get(range);
    if (value !== undefined) return value;
  }
  return 0;
}
