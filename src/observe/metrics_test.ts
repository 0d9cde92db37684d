import assert from "node:assert/strict";
import { formatText } from "./log_format.ts";
import { Metrics } from "./metrics.ts";

Deno.test("Metrics has every declared counter from the start, as zero", () => {
  const snapshot = new Metrics().snapshot();
  for (const { kind, help, samples } of snapshot) {
    assert.ok(help.endsWith("."));
    if (kind === "counter") assert.ok(samples.length > 0);
    for (const { value } of samples) assert.equal(value, 0);
  }
  const ended = snapshot.find((m) => m.name === "sessions_ended");
  assert.deepEqual(ended?.labels, ["protocol", "reason"]);
  assert.ok(
    ended?.samples.some(({ values }) => values.join() === "pop3,worker-lost"),
  );
});

Deno.test("Metrics adds up increments of workers and counts unknown names as bugs", () => {
  const metrics = new Metrics();
  metrics.addAll({
    cache_hits: 3,
    "sessions_ended.imap.idle": 2,
    nonsense: 40,
  });
  metrics.addAll({ cache_hits: 1, sessions_ended: 1 });
  metrics.add("logins", 1, "imap", "accepted");
  metrics.add("sessions_ended", 1, "pop3", "kicked");
  assert.equal(metrics.value("cache_hits"), 4);
  assert.equal(metrics.value("logins"), 1);
  assert.equal(metrics.value("sessions_ended"), 3);
  assert.equal(metrics.value("bugs"), 2);
});

Deno.test("Metrics reads gauges when asked, with and without labels", () => {
  const metrics = new Metrics();
  let workers = 1;
  metrics.gauge("workers", () => workers);
  metrics.gauge("active_connections", () => [{ values: ["imaps"], value: 7 }]);
  workers = 4;
  const by = new Map(metrics.snapshot().map((m) => [m.name, m]));
  assert.deepEqual(by.get("workers")?.samples, [{ values: [], value: 4 }]);
  assert.deepEqual(by.get("active_connections"), {
    name: "active_connections",
    kind: "gauge",
    help: "Connections now.",
    labels: ["listener"],
    samples: [{ values: ["imaps"], value: 7 }],
  });
  assert.deepEqual(by.get("active_sessions")?.samples, []);
});

Deno.test("Metrics.observe counts values into the buckets of a histogram", () => {
  const metrics = new Metrics();
  const name = "store_request_duration_seconds";
  for (const value of [0.0004, 0.0005, 0.003, 60]) {
    metrics.observe(name, value, "get");
  }
  const view = metrics.snapshot().find((m) => m.name === name)!;
  assert.deepEqual(view.labels, ["operation", "le"]);
  const samples = view.samples.filter(({ values }) => values[0] === "get");
  const text = samples.map(({ values, value, part }) =>
    `${part} ${values[1] ?? ""} ${value}`
  );
  assert.deepEqual(text.slice(0, 4), [
    "bucket 0.0005 2",
    "bucket 0.001 2",
    "bucket 0.0025 2",
    "bucket 0.005 3",
  ]);
  assert.deepEqual(text.slice(-3), [
    "bucket +Inf 4",
    "count  4",
    "sum  60.0039",
  ]);
});

Deno.test("Metrics.line shows every metric and of those with labels the values not zero", () => {
  const metrics = new Metrics();
  metrics.add("logins", 2, "imap", "accepted");
  metrics.add("sessions_ended", 1, "imap", "idle");
  metrics.gauge("breaker_state", () => [{
    values: ["old", "imap", "closed"],
    value: 1,
  }]);
  const text = formatText({ time: 0, ...metrics.line() });
  assert.match(text, / event=metrics connections_accepted=0 /);
  assert.match(text, / logins\.imap\.accepted=2 /);
  assert.match(text, / sessions_ended\.imap\.idle=1 /);
  assert.doesNotMatch(text, /kicked|breaker_state/);
});
