import assert from "node:assert/strict";
import { listener } from "../../tests/support/data_plane.ts";
import type { LimitsSnapshot } from "../port/snapshot.ts";
import { Attempt } from "./attempt.ts";
import type { WorkerPort } from "./core.ts";
import { LimitGate, OverLimit } from "./limit_gate.ts";
import type { Session } from "./session.ts";

const ALL: LimitsSnapshot = {
  trustedNetworks: ["10.0.0.0/8"],
  connections: ["imap"],
  logins: ["imap"],
  failures: true,
};

/** A gate, and what its port was asked and told. */
function setUp(limits?: LimitsSnapshot) {
  const calls: unknown[][] = [];
  const answer: { value: unknown } = { value: null };
  const port = {
    call: (name: string, argument: unknown) => {
      calls.push([name, argument]);
      return Promise.resolve(answer.value);
    },
    notify: (name: string, argument: unknown) =>
      void calls.push([name, argument]),
  };
  const gate = new LimitGate(port as unknown as WorkerPort);
  gate.configure(limits);
  return { gate, calls, answer };
}

const sessionOf = (hostname: string, protocol: "imap" | "pop3" = "imap") =>
  ({
    id: "s1",
    client: { hostname, port: 50000 },
    listener: listener(0, { protocol }),
    counted: false,
    countedLogin: false,
  }) as Session;

const CLIENT = "192.0.2.1";

Deno.test("LimitGate sends nothing where nothing is limited for the client's protocol and address", async () => {
  const none = { ...ALL, connections: [], logins: [], failures: false };
  for (
    const [limits, session] of [
      [undefined, sessionOf(CLIENT)],
      [none, sessionOf(CLIENT)],
      [{ ...ALL, failures: false }, sessionOf(CLIENT, "pop3")],
      [ALL, sessionOf("10.1.2.3")],
    ] as const
  ) {
    const { gate, calls } = setUp(limits);
    assert.equal(await gate.connection(session), null);
    await gate.login(session, new Attempt(), "alice");
    assert.equal(await gate.failed(session, "alice"), 0);
    gate.leaveLogin(session);
    gate.leave(session);
    assert.deepEqual(calls, []);
  }
});

Deno.test("LimitGate gives back what it counted, once", async () => {
  const { gate, calls } = setUp(ALL);
  const session = sessionOf(CLIENT);
  const subject = { session: "s1", client: CLIENT, protocol: "imap" };
  await gate.connection(session);
  await gate.login(session, new Attempt(), "alice");
  gate.leaveLogin(session);
  gate.leaveLogin(session);
  gate.leave(session);
  gate.leave(session);
  assert.deepEqual(calls, [
    ["takeConnection", subject],
    ["takeLogin", { ...subject, account: "alice" }],
    ["leaveLogin", { session: "s1" }],
    ["leave", { session: "s1" }],
  ]);
});

Deno.test("LimitGate.login throws OverLimit, or what cancelled the attempt", async () => {
  const { gate, answer } = setUp(ALL);
  answer.value = "account-failures";
  await assert.rejects(
    gate.login(sessionOf(CLIENT), new Attempt(), "alice"),
    (error) =>
      error instanceof OverLimit && error.limit === "account-failures" &&
      !error.message.includes("alice"),
  );
  answer.value = new Promise(() => {});
  const attempt = new Attempt();
  const waiting = gate.login(sessionOf(CLIENT), attempt, "alice");
  attempt.cancel("kicked");
  await assert.rejects(waiting, { name: "SessionEnd" });
});
