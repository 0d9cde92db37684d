/** The reference page of the metrics, made from their declarations. */
import { COUNTERS, GAUGES, HISTOGRAMS, METRIC_PREFIX } from "./metric_names.ts";
import { Metrics, type MetricView } from "./metrics.ts";

const INTRODUCTION = `# Metrics

Made from \`src/observe/metric_names.ts\` by \`deno task generate\`; do not edit.

\`GET /metrics\` of the management API answers all of these, summed over the workers, as OpenMetrics or, where
the Accept header prefers \`text/plain\`, as the older Prometheus text. A viewer's token is enough:

\`\`\`yaml
scrape_configs:
  - job_name: mailferry
    scheme: https
    authorization: { credentials_file: /etc/prometheus/mailferry.token }
    static_configs: [{ targets: ["proxy-1.example.com:9443", "proxy-2.example.com:9443"] }]
\`\`\`

[grafana/mailferry.json](grafana/mailferry.json) is a dashboard for Grafana. No label has an account or an address as its
value. Durations are in seconds, sizes in bytes. Every combination of a counter's labels is there from
the start, as zero. The log has the counters and gauges once a minute: [logging.md](logging.md).
`;

/** Every name that a scraper sees, without the labels. */
export function sampleNames(): ReadonlySet<string> {
  const named = (suffixes: readonly string[]) => (name: string) =>
    suffixes.map((suffix) => METRIC_PREFIX + name + suffix);
  return new Set([
    ...Object.keys(COUNTERS).flatMap(named(["_total"])),
    ...Object.keys(HISTOGRAMS).flatMap(named(["_bucket", "_count", "_sum"])),
    ...Object.entries(GAUGES).flatMap(([name, { info }]) =>
      named([info ? "_info" : ""])(name)
    ),
  ]);
}

/** The page as Markdown. */
export function metricsReference(): string {
  const views = new Metrics().snapshot();
  const section = (title: string, kinds: readonly MetricView["kind"][]) =>
    [
      `\n## ${title}\n`,
      "| name | labels | |",
      "|---|---|---|",
      ...views.filter(({ kind }) => kinds.includes(kind)).map(row),
      "",
    ].join("\n");
  return INTRODUCTION +
    section("Counters", ["counter"]) +
    section("Histograms", ["histogram"]) +
    "\nEach has `_bucket`, `_count` and `_sum`.\n" +
    section("Gauges", ["gauge", "info"]);
}

function row({ name, kind, help, labels }: MetricView): string {
  const suffix = { counter: "_total", info: "_info", gauge: "", histogram: "" };
  const shown = labels.filter((label) => label !== "le").map((label) => {
    const values = valuesOf(name)?.[label];
    return values ? `\`${label}\`: ${values.join(", ")}` : `\`${label}\``;
  });
  return `| \`${METRIC_PREFIX}${name}${suffix[kind]}\` | ${
    shown.join("<br>")
  } | ${help.replaceAll("|", "\\|")} |`;
}

/** Of a gauge they come with the samples. */
function valuesOf(
  name: string,
): Readonly<Record<string, readonly string[]>> | undefined {
  const declared: Readonly<
    Record<string, { labels?: Readonly<Record<string, readonly string[]>> }>
  > = { ...COUNTERS, ...HISTOGRAMS };
  return declared[name]?.labels;
}
