import assert from "node:assert/strict";
import {
  chooseExposition,
  exposition,
  OPENMETRICS,
  PROMETHEUS,
} from "./exposition.ts";
import type { MetricView } from "./metrics.ts";

const METRICS: MetricView[] = [
  {
    name: "logins",
    kind: "counter",
    help: 'Said "yes" \\ no.\nReally.',
    labels: ["protocol", "result"],
    samples: [
      { values: ["imap", "accepted"], value: 3 },
      { values: ["imap", 'a"b\\c\nd'], value: 0 },
    ],
  },
  {
    name: "workers",
    kind: "gauge",
    help: "Workers.",
    labels: [],
    samples: [{ values: [], value: 2 }],
  },
  {
    name: "build",
    kind: "info",
    help: "What runs.",
    labels: ["version"],
    samples: [{ values: ["1.2.3"], value: 1 }],
  },
  {
    name: "took_seconds",
    kind: "histogram",
    help: "Time.",
    labels: ["operation", "le"],
    samples: [
      { values: ["get", "0.5"], value: 1, part: "bucket" },
      { values: ["get", "+Inf"], value: 2, part: "bucket" },
      { values: ["get"], value: 2, part: "count" },
      { values: ["get"], value: 3.5, part: "sum" },
    ],
  },
  { name: "none", kind: "gauge", help: "None.", labels: ["x"], samples: [] },
];

Deno.test("exposition names OpenMetrics families without the suffix of their samples", () => {
  assert.equal(
    exposition(METRICS, OPENMETRICS),
    String.raw`# HELP mailferry_logins Said \"yes\" \\ no.\nReally.
# TYPE mailferry_logins counter
mailferry_logins_total{protocol="imap",result="accepted"} 3
mailferry_logins_total{protocol="imap",result="a\"b\\c\nd"} 0
# HELP mailferry_workers Workers.
# TYPE mailferry_workers gauge
mailferry_workers 2
# HELP mailferry_build What runs.
# TYPE mailferry_build info
mailferry_build_info{version="1.2.3"} 1
# HELP mailferry_took_seconds Time.
# TYPE mailferry_took_seconds histogram
mailferry_took_seconds_bucket{operation="get",le="0.5"} 1
mailferry_took_seconds_bucket{operation="get",le="+Inf"} 2
mailferry_took_seconds_count{operation="get"} 2
mailferry_took_seconds_sum{operation="get"} 3.5
# HELP mailferry_none None.
# TYPE mailferry_none gauge
# EOF`,
  );
});

Deno.test("exposition in Prometheus text has whole names, gauges for facts, and no end mark", () => {
  const text = exposition(METRICS, PROMETHEUS);
  assert.match(text, /^# HELP mailferry_logins_total Said "yes" /m);
  assert.match(text, /^# TYPE mailferry_logins_total counter$/m);
  assert.match(text, /^# TYPE mailferry_build_info gauge$/m);
  assert.doesNotMatch(text, /EOF/);
});

Deno.test("chooseExposition takes what the scraper prefers, OpenMetrics when in doubt", () => {
  const cases: [string | null, string][] = [
    [null, OPENMETRICS],
    ["*/*", OPENMETRICS],
    ["text/html", OPENMETRICS],
    ["text/plain", PROMETHEUS],
    ["text/plain;version=0.0.4", PROMETHEUS],
    ["text/*;q=0.5, */*;q=0.1", PROMETHEUS],
    ["Text/Plain ; q=0.4 , application/openmetrics-text;q=0.3", PROMETHEUS],
    [
      "application/openmetrics-text;version=1.0.0;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
      OPENMETRICS,
    ],
    ["application/openmetrics-text;q=0,text/plain;q=0", OPENMETRICS],
    ["text/plain;q=nonsense", OPENMETRICS],
  ];
  for (const [accept, type] of cases) {
    assert.equal(chooseExposition(accept), type, String(accept));
  }
});
