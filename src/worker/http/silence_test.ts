import assert from "node:assert/strict";
import type { Flow } from "../../net/bridge.ts";
import { Deadlines } from "../../net/deadlines.ts";
import { Silence } from "./silence.ts";

function setup() {
  let now = 1000;
  const deadlines = new Deadlines(100, () => now);
  const flow: Flow = { forward: 0, backward: 0, active: false };
  let noticed = 0;
  const silence = new Silence(deadlines, 8000, flow, () => noticed++);
  return {
    silence,
    flow,
    noticed: () => noticed,
    pass(seconds: number) {
      for (let i = 0; i < seconds * 10; i++) {
        now += 100;
        deadlines.run();
      }
    },
  };
}

Deno.test("Silence notices a request that stands still, and none that moves", () => {
  const { silence, flow, noticed, pass } = setup();
  silence.busy = true;
  for (let i = 0; i < 10; i++) {
    pass(6);
    flow.active = true;
  }
  assert.equal(noticed(), 0);
  pass(12);
  assert.equal(noticed(), 1);
  silence.stop();
  pass(1);
});

Deno.test("Silence lets a connection without a request be, and counts anew from the next one", () => {
  const { silence, noticed, pass } = setup();
  pass(100);
  silence.busy = true;
  pass(7);
  assert.equal(noticed(), 0);
  silence.stop();
  pass(100);
  assert.equal(noticed(), 0);
});
