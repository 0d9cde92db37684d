import assert from "node:assert/strict";
import { Deadlines } from "../../net/deadlines.ts";
import { Rest } from "./rest.ts";

Deno.test("Rest ends a time between two requests that is too long, counted from its own begin", () => {
  let now = 0;
  let over = 0;
  const deadlines = new Deadlines(100, () => now);
  const passes = (ms: number) => {
    for (const end = now + ms; now < end;) {
      now += 100;
      deadlines.run();
    }
  };
  // As each connection has one, so that the clock is read.
  const other = deadlines.after(1e9, () => {});
  const rest = new Rest(deadlines, 1000, () => over++);
  rest.begin();
  passes(800);
  rest.end();
  rest.begin();
  passes(800);
  assert.equal(over, 0);
  passes(400);
  assert.equal(over, 1);

  rest.begin();
  rest.end();
  passes(5000);
  assert.equal(over, 1, "while a request is served");

  rest.begin();
  rest.stop();
  passes(5000);
  assert.equal(over, 1, "when the connection is closed");
  other.cancel();
  passes(100);
});
