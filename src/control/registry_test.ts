import assert from "node:assert/strict";
import type { SessionEvent } from "../port/messages.ts";
import {
  type CloseRecord,
  type SessionPlace,
  SessionRegistry,
} from "./registry.ts";
import { sessionEndLine } from "./session_end_line.ts";

function setup() {
  const closed: CloseRecord[] = [];
  const registry = new SessionRegistry((r) => closed.push(r), () => 5000);
  return { registry, closed };
}

function open(id: string, peer = "198.51.100.7:4000"): SessionEvent {
  return {
    kind: "open",
    id,
    listener: "imaps",
    protocol: "imap",
    peer,
    since: 1000,
  };
}

Deno.test("SessionRegistry lists sessions as their events say", () => {
  const { registry } = setup();
  registry.apply(0, [
    open("s1"),
    { kind: "change", id: "s1", stage: "preauth" },
    {
      kind: "change",
      id: "s1",
      stage: "bridge",
      identifier: "alice@example.com",
      destination: "old",
    },
    { kind: "change", id: "s1", bytesIn: 10, bytesOut: 20 },
  ]);
  assert.deepEqual(registry.list({}), [{
    id: "s1",
    listener: "imaps",
    protocol: "imap",
    client: "198.51.100.7:4000",
    stage: "bridge",
    identifier: "alice@example.com",
    destination: "old",
    since: "1970-01-01T00:00:01.000Z",
    bytes_in: 10,
    bytes_out: 20,
  }]);
  assert.equal(registry.workerOf("s1"), 0);
  assert.equal(registry.workerOf("s2"), null);
});

Deno.test("SessionRegistry goes by the client that a proxy in front names", () => {
  const { registry, closed } = setup();
  registry.apply(0, [
    open("s1"),
    { kind: "change", id: "s1", peer: "[2001:db8::9]:6000", upstreamId: "u7" },
  ]);
  assert.equal(registry.list({ client: "198.51.100.7" }).length, 0);
  const [view] = registry.list({ client: "2001:db8::9" });
  assert.equal(view!.client, "[2001:db8::9]:6000");
  registry.apply(0, [{
    kind: "close",
    id: "s1",
    stage: "bridge",
    reason: "logout",
    bytesIn: 0,
    bytesOut: 0,
  }]);
  const { fields } = sessionEndLine(closed[0]!, String);
  assert.equal(fields["client"], "[2001:db8::9]:6000");
  assert.equal(fields["upstream_id"], "u7");
});

Deno.test("SessionRegistry.list applies every field of the filter", () => {
  const { registry } = setup();
  registry.apply(0, [
    open("s1"),
    open("s2", "[2001:db8::1]:5000"),
    { kind: "change", id: "s1", identifier: "a", destination: "old" },
    { kind: "change", id: "s2", identifier: "a", destination: "new" },
  ]);
  registry.apply(1, [open("s3")]);
  const ids = (filter: Parameters<typeof registry.list>[0]) =>
    registry.list(filter).map((view) => view.id).join();
  assert.equal(ids({}), "s1,s2,s3");
  assert.equal(ids({ identifier: "a" }), "s1,s2");
  assert.equal(ids({ identifier: "a", destination: "new" }), "s2");
  assert.equal(ids({ identifier: "b" }), "");
  assert.equal(ids({ listener: "imaps", client: "198.51.100.7" }), "s1,s3");
  assert.equal(ids({ client: "2001:db8::1" }), "s2");
  assert.equal(ids({ listener: "pop3s" }), "");
});

Deno.test("SessionRegistry makes one record at the close and keeps nothing", () => {
  const { registry, closed } = setup();
  registry.apply(0, [
    open("s1"),
    { kind: "change", id: "s1", identifier: "a", destination: "old" },
    { kind: "change", id: "s1", identifier: "b", destination: "new" },
  ]);
  assert.equal(registry.active, 1);
  assert.equal(registry.activeOf("imaps"), 1);
  assert.equal(registry.activeAt("old"), 0);
  assert.equal(registry.activeAt("new"), 1);
  assert.equal(registry.list({ identifier: "a" }).length, 0);
  const close: SessionEvent = {
    kind: "close",
    id: "s1",
    stage: "bridge",
    reason: "logout",
    bytesIn: 7,
    bytesOut: 9,
  };
  registry.apply(0, [close, close, { kind: "change", id: "s1", bytesIn: 1 }]);
  assert.equal(closed.length, 1);
  assert.equal(registry.active, 0);
  assert.equal(registry.activeOf("imaps"), 0);
  assert.equal(registry.activeAt("new"), 0);
  assert.equal(registry.list({ identifier: "b" }).length, 0);
  assert.deepEqual(sessionEndLine(closed[0]!, (i) => `<${i}>`), {
    level: "info",
    event: "session_end",
    fields: {
      session: "s1",
      listener: "imaps",
      protocol: "imap",
      client: "198.51.100.7:4000",
      account: "<b>",
      destination: "new",
      stage: "bridge",
      bytes_in: 7,
      bytes_out: 9,
      duration_ms: 4000,
      reason: "logout",
    },
  });
});

Deno.test("SessionRegistry.workerLost closes the sessions of that worker alone", () => {
  const { registry, closed } = setup();
  registry.apply(0, [
    open("s1"),
    { kind: "change", id: "s1", bytesIn: 5, bytesOut: 6 },
    open("s2"),
  ]);
  registry.apply(1, [open("s3")]);
  assert.equal(registry.workerLost(0), 2);
  assert.deepEqual(closed.map((r) => [r.id, r.reason, r.bytesIn]), [
    ["s1", "worker-lost", 5],
    ["s2", "worker-lost", 0],
  ]);
  assert.equal(registry.active, 1);
  assert.equal(sessionEndLine(closed[0]!, String).level, "error");
});

Deno.test("SessionRegistry tells the bytes of open and of ended sessions once", () => {
  const carried: [SessionPlace, number, number][] = [];
  const registry = new SessionRegistry(
    () => {},
    () => 5000,
    { carried: (...bytes) => carried.push(bytes) },
  );
  const total = () =>
    ([1, 2] as const).map((i) => carried.reduce((sum, c) => sum + c[i], 0));
  registry.apply(0, [
    open("s1"),
    { kind: "change", id: "s1", bytesIn: 10, bytesOut: 20 },
    { kind: "change", id: "s1", stage: "bridge" },
    { kind: "change", id: "s1", bytesIn: 15, bytesOut: 25 },
  ]);
  assert.deepEqual(total(), [15, 25]);
  registry.apply(0, [
    {
      kind: "close",
      id: "s1",
      stage: "bridge",
      reason: "client-closed",
      bytesIn: 16,
      bytesOut: 30,
    },
    open("s2"),
    { kind: "change", id: "s2", bytesIn: 1, bytesOut: 2 },
  ]);
  registry.workerLost(0);
  assert.deepEqual(total(), [17, 32]);
  assert.ok(carried.every(([{ protocol }]) => protocol === "imap"));
});
