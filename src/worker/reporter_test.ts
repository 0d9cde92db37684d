import assert from "node:assert/strict";
import { until } from "../../tests/support/wait.ts";
import type { Counted } from "../observe/distribution.ts";
import { Metrics } from "../observe/metrics.ts";
import type { SessionEvent } from "../port/messages.ts";
import { Reporter } from "./reporter.ts";

function setup() {
  const told: [string, unknown][] = [];
  const reporter = new Reporter((name, argument) =>
    void told.push([name, argument])
  );
  return { told, reporter };
}

const closing = (id: string): SessionEvent => ({
  kind: "close",
  id,
  stage: "bridge",
  reason: "idle",
  bytesIn: 1,
  bytesOut: 2,
});

Deno.test("Reporter gathers what happens at the same time into one message of each kind", async () => {
  const { told, reporter } = setup();
  reporter.session(closing("a"));
  reporter.count("logins");
  reporter.count("logins", 4);
  reporter.count("bugs");
  reporter.log("info", "event", { a: 1 });
  reporter.session(closing("b"));
  assert.deepEqual(told, []);
  await until("told", () => told.length > 0);
  assert.deepEqual(told, [
    ["sessions", [closing("a"), closing("b")]],
    ["logs", [{ level: "info", event: "event", fields: { a: 1 } }]],
    ["counters", { logins: 5, bugs: 1 }],
  ]);
});

Deno.test("Reporter.flush tells at once, and nothing twice", () => {
  const { told, reporter } = setup();
  reporter.flush();
  reporter.count("logins");
  reporter.flush();
  reporter.flush();
  assert.deepEqual(told, [["counters", { logins: 1 }]]);
});

Deno.test("Reporter does not let many events wait", () => {
  const { told, reporter } = setup();
  for (let i = 0; i < 256; i++) reporter.session(closing(`${i}`));
  assert.equal(told.length, 1);
  assert.equal((told[0]![1] as unknown[]).length, 256);
});

Deno.test("Reporter sends the values of histograms in batches, each once", () => {
  const { told, reporter } = setup();
  reporter.observe("login_stage_duration_seconds", 0.0007, "dial");
  reporter.observe("login_stage_duration_seconds", 100, "dial");
  reporter.flush();
  reporter.flush();
  assert.equal(told.length, 1);
  const metrics = new Metrics();
  const [[kind, observed]] = told as [[string, Record<string, Counted>]];
  assert.equal(kind, "observations");
  metrics.observeAll(observed);
  metrics.observeAll({ unknown: { counts: [], sum: 0 } });
  assert.equal(metrics.value("bugs"), 1);
  const { samples } = metrics.snapshot().find(({ name }) =>
    name === "login_stage_duration_seconds"
  )!;
  const of = (part: string) =>
    samples.find((each) => each.values[0] === "dial" && each.part === part);
  assert.equal(of("count")!.value, 2);
  assert.equal(of("sum")!.value, 100.0007);
});
