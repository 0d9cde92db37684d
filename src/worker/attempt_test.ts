import assert from "node:assert/strict";
import type { BackendLeg } from "../protocols/backend_leg.ts";
import { SessionEnd } from "../protocols/session_end.ts";
import { Attempt } from "./attempt.ts";

function attempt() {
  const made = new Attempt();
  let closed = 0;
  made.leg = { close: () => void closed++ } as unknown as BackendLeg;
  return { attempt: made, closed: () => closed };
}

const ended = (reason: string) => (error: unknown) =>
  error instanceof SessionEnd && error.reason === reason;

Deno.test("Attempt.cancel closes the leg, aborts the dial and fails every check", () => {
  const { attempt: a, closed } = attempt();
  a.check();
  a.cancel("kicked");
  a.cancel("client-closed");
  assert.equal(closed(), 1);
  assert.equal(a.signal.aborted, true);
  assert.throws(() => a.check(), ended("kicked"), "the first reason counts");
});

Deno.test("Attempt.timeOut closes the leg and is no cancel", () => {
  const { attempt: a, closed } = attempt();
  a.timeOut();
  assert.equal(closed(), 1);
  assert.equal(a.timedOut, true);
  assert.equal(a.signal.aborted, true);
  assert.equal(a.cancelled, null);
  a.check();
});

Deno.test("Attempt.interruptible gives the outcome, unless it is cancelled first", async () => {
  const { attempt: a } = attempt();
  assert.equal(await a.interruptible(Promise.resolve(7)), 7);
  await assert.rejects(
    a.interruptible(Promise.reject(new Error("own"))),
    /own/,
  );
  const waiting = a.interruptible(new Promise(() => {}));
  a.cancel("kicked");
  await assert.rejects(waiting, ended("kicked"));
  await assert.rejects(a.interruptible(Promise.resolve(7)), ended("kicked"));
});

Deno.test("Attempt.interruptible leaves no rejection unhandled when it is cancelled", async () => {
  const { attempt: a } = attempt();
  const late = Promise.withResolvers<never>();
  const waiting = a.interruptible(late.promise);
  a.cancel("kicked");
  await assert.rejects(waiting, ended("kicked"));
  // The runner of this test would report it.
  late.reject(new Error("nobody waits for this"));
  await new Promise((resolve) => setTimeout(resolve));
});
