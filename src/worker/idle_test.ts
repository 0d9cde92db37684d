import assert from "node:assert/strict";
import { Deadlines } from "../net/deadlines.ts";
import { watchIdle } from "./idle.ts";
import type { Session } from "./session.ts";

function setup(limit: number) {
  let now = 0;
  const deadlines = new Deadlines(100, () => now);
  const ended: string[] = [];
  const flow = { forward: 0, backward: 0, active: false };
  const session = {
    flow,
    end: (reason: string) => void ended.push(reason),
  } as unknown as Session;
  const watch = watchIdle(deadlines, session, limit);
  const advance = (ms: number) => {
    for (let left = ms; left > 0; left -= 100) {
      now += 100;
      deadlines.run();
    }
  };
  return { flow, ended, watch, advance };
}

Deno.test("watchIdle ends a session when nothing has passed for the limit", () => {
  const { ended, advance } = setup(8000);
  advance(7900);
  assert.deepEqual(ended, []);
  advance(2200);
  assert.deepEqual(ended, ["idle"]);
});

Deno.test("watchIdle leaves a session alone in which bytes pass now and then", () => {
  const { flow, ended, advance } = setup(8000);
  for (let i = 0; i < 10; i++) {
    flow.active = true;
    advance(7000);
  }
  assert.deepEqual(ended, []);
  advance(12_000);
  assert.deepEqual(ended, ["idle"]);
});

Deno.test("watchIdle looks no more once it is cancelled", () => {
  const { ended, watch, advance } = setup(8000);
  advance(5000);
  watch.cancel();
  advance(60_000);
  assert.deepEqual(ended, []);
});
