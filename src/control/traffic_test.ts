import assert from "node:assert/strict";
import { BASE, configOf } from "../config/testing.ts";
import type { SessionEvent } from "../port/messages.ts";
import { SessionRegistry } from "./registry.ts";
import { servedAsIs } from "./served.ts";
import { Traffic } from "./traffic.ts";

const CONFIG = configOf(BASE);
const SERVED = servedAsIs(
  CONFIG,
  {
    certificates: [],
  } as unknown as Parameters<typeof servedAsIs>[1],
);

/** Counts of sessions that a registry tells of, at a time that the test sets. */
function setup() {
  const clock = { now: 5000 };
  const traffic = new Traffic(() => clock.now);
  traffic.configure(CONFIG);
  const registry = new SessionRegistry(
    (record) => traffic.closed(record),
    () => clock.now,
    traffic,
  );
  const tell = (...events: SessionEvent[]) => registry.apply(0, events);
  const leg = () => traffic.destinations(SERVED)[0]!.legs[0]!;
  const listener = () => traffic.listeners(SERVED)[0]!;
  return { clock, traffic, tell, leg, listener };
}

const open = (id: string): SessionEvent => ({
  kind: "open",
  id,
  listener: "imap",
  protocol: "imap",
  peer: "192.0.2.1:4000",
  since: 0,
});

const close = (id: string, over: Partial<SessionEvent> = {}): SessionEvent => ({
  kind: "close",
  id,
  reason: "client-closed",
  stage: "bridge",
  bytesIn: 0,
  bytesOut: 0,
  ...over as object,
});

Deno.test("Traffic counts a session for its listener, and for its destination once it has one", () => {
  const { tell, leg, listener } = setup();
  tell(open("a"), open("b"));
  assert.deepEqual([listener().now, leg().total], [2, 0]);
  tell(
    { kind: "change", id: "a", destination: "old" },
    { kind: "change", id: "a", destination: "old", bytesIn: 5, bytesOut: 7 },
    close("a", { bytesIn: 6, bytesOut: 9 }),
    { kind: "change", id: "b", bytesIn: 1 },
  );
  const { now, most, total, bytesIn, bytesOut } = leg();
  assert.deepEqual([now, most, total, bytesIn, bytesOut], [0, 1, 1, 6, 9]);
  assert.deepEqual(
    [listener().now, listener().most, listener().bytesIn],
    [1, 2, 7],
  );
});

Deno.test("Traffic takes a refused login's destination back", () => {
  const { tell, leg } = setup();
  tell(open("a"));
  for (let i = 0; i < 2; i++) {
    tell({ kind: "change", id: "a", destination: "old" });
    tell({ kind: "change", id: "a", destination: null });
  }
  assert.deepEqual([leg().now, leg().total], [0, 2]);
});

Deno.test("Traffic knows what a listener's ends were", () => {
  const { tell, listener } = setup();
  for (
    const [id, reason] of [
      ["a", "limit"],
      ["b", "max-connections"],
      ["c", "tls-failed"],
      ["d", "error"],
      ["e", "logout"],
    ] as const
  ) tell(open(id), close(id, { reason } as Partial<SessionEvent>));
  const { denied, refused, faults, internal, now } = listener();
  assert.deepEqual([denied, refused, faults, internal, now], [1, 1, 1, 1, 0]);
});

Deno.test("Traffic tells rates of the last full second, and the most of any", () => {
  const { clock, tell, listener } = setup();
  tell(open("a"), open("b"), open("c"));
  assert.deepEqual([listener().rate, listener().mostRate], [0, 3]);
  clock.now += 1000;
  tell(open("d"));
  assert.deepEqual([listener().rate, listener().mostRate], [3, 3]);
  clock.now += 2500;
  const { rate, idleSeconds } = listener();
  assert.deepEqual([rate, idleSeconds], [0, 2]);
});

Deno.test("Traffic adds up the time that a leg was down, and its failures", () => {
  const { clock, traffic, leg } = setup();
  const leg0 = { destination: "old", protocol: "imap" } as const;
  const say = (state: "down" | "ask" | "closed") =>
    traffic.switched({ ...leg0, state, suspect: true });
  clock.now += 1000;
  say("down");
  clock.now += 3000;
  say("ask");
  assert.deepEqual([leg().isDown, leg().downSeconds], [true, 3]);
  say("closed");
  clock.now += 2000;
  assert.deepEqual(
    [leg().isDown, leg().downs, leg().downSeconds, leg().changedSeconds],
    [false, 1, 3, 2],
  );
  const client = "192.0.2.1";
  traffic.reported({ ...leg0, outcome: "connect", client });
  traffic.reported({ ...leg0, outcome: "late", client });
  traffic.reported({ ...leg0, outcome: "success", client });
  assert.deepEqual([leg().connectFailures, leg().lateFailures], [1, 1]);
});

Deno.test("Traffic forgets what was the most, or everything but what is open", () => {
  const { traffic, tell, leg, listener } = setup();
  tell(open("a"), open("b"), close("b", { reason: "limit" } as never));
  tell({ kind: "change", id: "a", destination: "old" });
  traffic.clear(false);
  assert.deepEqual([listener().most, listener().total], [1, 2]);
  traffic.clear(true);
  assert.deepEqual([listener().now, listener().total], [1, 0]);
  assert.deepEqual([listener().denied, leg().now, leg().total], [0, 1, 0]);
});

Deno.test("Traffic forgets what is no longer configured, and not before its last session", () => {
  const { traffic, tell, leg } = setup();
  tell(open("a"), { kind: "change", id: "a", destination: "old" });
  const without = { ...CONFIG, destination: {} };
  traffic.configure(without);
  assert.equal(leg().now, 1);
  tell(close("a"));
  traffic.configure(without);
  assert.equal(leg().total, 0);
});
