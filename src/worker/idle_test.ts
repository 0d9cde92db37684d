import assert from "node:assert/strict";
import type { Flow } from "../net/bridge.ts";
import { Deadlines } from "../net/deadlines.ts";
import { IdleWatch } from "./idle.ts";

function setup(noticing = () => {}) {
  let now = 1000;
  const deadlines = new Deadlines(100, () => now);
  const flow: Flow = { forward: 0, backward: 0, active: false };
  let noticed = 0;
  const watch = new IdleWatch(deadlines, 8000, flow, () => {
    noticed++;
    noticing();
  });
  const pass = (seconds: number) => {
    for (let i = 0; i < seconds * 10; i++) {
      now += 100;
      deadlines.run();
    }
  };
  return {
    watch,
    flow,
    noticed: () => noticed,
    pass,
    stop() {
      watch.stop();
      // The timer that all limits share ends with the last of them.
      pass(1);
    },
  };
}

Deno.test("IdleWatch notices when nothing has passed for the limit, and again after as long", () => {
  const { noticed, pass, stop } = setup();
  pass(7.9);
  assert.equal(noticed(), 0);
  pass(1.2);
  assert.equal(noticed(), 1);
  pass(7);
  assert.equal(noticed(), 1);
  pass(2.2);
  assert.equal(noticed(), 2);
  stop();
});

Deno.test("IdleWatch notices nothing while bytes pass now and then", () => {
  const { flow, noticed, pass, stop } = setup();
  for (let i = 0; i < 10; i++) {
    flow.active = true;
    pass(7);
  }
  assert.equal(noticed(), 0);
  pass(5);
  assert.equal(noticed(), 1);
  stop();
});

Deno.test("IdleWatch counts anew from a resume, and not at all while it is paused", () => {
  const { watch, noticed, pass, stop } = setup();
  watch.pause();
  pass(100.9);
  watch.resume();
  pass(7.9);
  assert.equal(noticed(), 0);
  pass(1.2);
  assert.equal(noticed(), 1);
  stop();
});

Deno.test("IdleWatch looks no more once it is stopped, also by whom it tells", () => {
  const first = setup();
  first.pass(5);
  first.watch.stop();
  first.pass(60);
  assert.equal(first.noticed(), 0);
  const second = setup(() => second.watch.stop());
  second.pass(60);
  assert.equal(second.noticed(), 1);
});
