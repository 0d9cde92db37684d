import assert from "node:assert/strict";
import { ChangeGate } from "./change_gate.ts";

/** A change that says where it was done, when the test lets it. */
function change(gate: ChangeGate) {
  const may = Promise.withResolvers<void>();
  const done = gate.change(
    () => may.promise.then(() => "here"),
    () => Promise.resolve("elsewhere"),
  );
  return { done, finish: may.resolve };
}

Deno.test("ChangeGate.close waits for changes under way, and lets none begin", async () => {
  const gate = new ChangeGate();
  const first = change(gate);
  const closed = gate.close();
  const second = change(gate);
  let isClosed = false;
  void closed.then(() => isClosed = true);
  await Promise.resolve();
  assert.ok(!isClosed);
  first.finish();
  assert.equal(await first.done, "here");
  await closed;
  gate.open({ elsewhere: false });
  second.finish();
  assert.equal(await second.done, "here");
});

Deno.test("ChangeGate has those who waited go elsewhere, and all that follow", async () => {
  const gate = new ChangeGate();
  await gate.close();
  const waiting = change(gate);
  assert.ok(!gate.elsewhere);
  gate.open({ elsewhere: true });
  assert.equal(await waiting.done, "elsewhere");
  assert.ok(gate.elsewhere);
  assert.equal(await change(gate).done, "elsewhere");
});

Deno.test("ChangeGate is idle again after a change that failed", async () => {
  const gate = new ChangeGate();
  const failing = gate.change(
    () => Promise.reject(new Error("no")),
    () => Promise.resolve(),
  );
  await assert.rejects(failing, /no/);
  await gate.close();
});
