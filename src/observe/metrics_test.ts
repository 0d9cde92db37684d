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
  assert.ok(ended?.samples.some((s) => s.label === "worker-lost"));
});

Deno.test("Metrics adds up increments of workers and counts unknown names as bugs", () => {
  const metrics = new Metrics();
  metrics.addAll({ cache_hits: 3, "sessions_ended.idle": 2, nonsense: 40 });
  metrics.addAll({ cache_hits: 1, sessions_ended: 1 });
  metrics.add("logins_accepted");
  metrics.sessionEnded("kicked");
  assert.equal(metrics.value("cache_hits"), 4);
  assert.equal(metrics.value("logins_accepted"), 1);
  assert.equal(metrics.value("sessions_ended"), 3);
  assert.equal(metrics.value("bugs"), 2);
});

Deno.test("Metrics reads gauges when asked, with and without a label", () => {
  const metrics = new Metrics();
  let workers = 1;
  metrics.gauge("workers", () => workers);
  metrics.gauge("active_connections", () => new Map([["imaps", 7]]));
  workers = 4;
  const by = new Map(metrics.snapshot().map((m) => [m.name, m]));
  assert.deepEqual(by.get("workers")?.samples, [{ label: null, value: 4 }]);
  assert.deepEqual(by.get("active_connections"), {
    name: "active_connections",
    kind: "gauge",
    help: "Connections now.",
    label: "listener",
    samples: [{ label: "imaps", value: 7 }],
  });
  assert.deepEqual(by.get("active_sessions")?.samples, []);
});

Deno.test("Metrics.line shows every metric and of a label's values those not zero", () => {
  const metrics = new Metrics();
  metrics.add("logins_accepted", 2);
  metrics.sessionEnded("idle");
  const text = formatText({ time: 0, ...metrics.line() });
  assert.match(text, / event=metrics connections_accepted=0 /);
  assert.match(text, / logins_accepted=2 /);
  assert.match(text, / sessions_ended\.idle=1 /);
  assert.doesNotMatch(text, /sessions_ended\.kicked/);
});
