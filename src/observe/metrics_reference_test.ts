import assert from "node:assert/strict";
import { Metrics } from "./metrics.ts";
import { metricsReference, sampleNames } from "./metrics_reference.ts";

const DASHBOARD = new URL(
  "../../docs/grafana/mailferry.json",
  import.meta.url,
);

interface Panel {
  readonly title: string;
  readonly type: string;
  readonly id: number;
  readonly targets?: readonly { readonly expr: string }[];
}

const dashboard: {
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { query: unknown }[] };
} = JSON.parse(await Deno.readTextFile(DASHBOARD));

/** Of a metric, by the name that a scraper sees. */
const labels = new Map<string, ReadonlySet<string>>(
  new Metrics().snapshot().flatMap(({ name, labels }) =>
    ["", "_total", "_info", "_bucket", "_count", "_sum"].map((suffix) =>
      [`mailferry_${name}${suffix}`, new Set(labels)] as const
    )
  ),
);

Deno.test("metricsReference has every metric with its labels", () => {
  const page = metricsReference();
  for (const { name, help } of new Metrics().snapshot()) {
    assert.ok(page.includes(`| \`mailferry_${name}`), name);
    assert.ok(page.includes(help.replaceAll("|", "\\|")), name);
  }
  assert.ok(page.includes("`stage`: hold, lookup, dial, tls, auth"));
});

Deno.test("metric names follow the conventions of Prometheus", () => {
  for (const name of sampleNames()) {
    assert.match(name, /^mailferry_[a-z]+(?:_[a-z]+)*$/);
    assert.doesNotMatch(name, /_(?:ms|milliseconds|kb|mb|percent)(?:_|$)/);
    assert.doesNotMatch(name, /_total_total$/);
  }
});

Deno.test("the dashboard asks for metrics and labels that there are", () => {
  const names = sampleNames();
  const ids = new Set<number>();
  let asked = 0;
  for (const { title, type, id, targets = [] } of dashboard.panels) {
    assert.ok(!ids.has(id), title);
    ids.add(id);
    assert.equal(targets.length > 0, type !== "row", title);
    for (const { expr } of targets) {
      const used = expr.match(/mailferry_\w+/g) ?? [];
      assert.ok(used.length > 0, `${title}: ${expr}`);
      const known = new Set(["instance"]);
      for (const name of used) {
        assert.ok(names.has(name), `${title}: ${name}`);
        for (const label of labels.get(name)!) known.add(label);
        asked++;
      }
      const grouped = [...expr.matchAll(/\bby \(([^)]*)\)/g)]
        .flatMap(([, list]) => list!.split(", "));
      const selected = [...expr.matchAll(/(\w+)(?:=~|!=|=)"/g)]
        .map(([, label]) => label!);
      for (const label of [...grouped, ...selected]) {
        assert.ok(known.has(label), `${title}: label ${label}`);
      }
    }
  }
  assert.ok(asked > 20);
  const queries = JSON.stringify(dashboard.templating.list);
  for (const name of queries.match(/mailferry_\w+/g) ?? []) {
    assert.ok(names.has(name), name);
  }
});
