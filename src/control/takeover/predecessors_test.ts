import assert from "node:assert/strict";
import { PortError } from "../../port/port.ts";
import { type OldPort, Predecessors } from "./predecessors.ts";

type Answer = (name: string, argument: unknown) => Promise<unknown>;

/** Old processes that answer as the test says, and what is heard of them. */
function setup(stuckAfter?: number) {
  const heard: unknown[][] = [];
  const predecessors = new Predecessors({
    counted: (pid, counts) => heard.push(["counted", pid, counts]),
    stuck: (pid) => heard.push(["stuck", pid]),
    gone: ({ pid }) => heard.push(["gone", pid]),
  }, stuckAfter);
  const add = (pid: number, answer: Answer) => {
    const ended = Promise.withResolvers<void>();
    const port = { call: answer } as unknown as OldPort;
    predecessors.add({ pid, socket: `/run/s.${pid}` }, port, ended.promise);
    return ended.resolve;
  };
  return { predecessors, add, heard };
}

Deno.test("Predecessors asks all, and counts what those that are there have ended", async () => {
  const { predecessors, add } = setup();
  add(1, () => Promise.resolve(2));
  add(2, () => Promise.reject(new PortError("gone")));
  add(3, () => Promise.resolve(3));
  assert.equal(await predecessors.kick({ account: "alice" }, "kicked"), 5);
});

Deno.test("Predecessors has one that does not answer ended, and waits until it is gone", async () => {
  const { predecessors, heard, add } = setup(1);
  const never = Promise.withResolvers<never>();
  add(1, () => never.promise);
  const asked = predecessors.invalidate(null);
  while (heard.length === 0) await new Promise((go) => setTimeout(go, 1));
  assert.deepEqual(heard, [["stuck", 1]]);
  never.reject(new PortError("gone"));
  await asked;
});

Deno.test("Predecessors tells of listeners that an old process no longer uses", async () => {
  const { predecessors, heard, add } = setup();
  const end = add(7, () => Promise.resolve(null));
  predecessors.count(7, { imap: 2, pop3: 1 });
  assert.equal(predecessors.connections, 3);
  predecessors.count(7, { imap: 1 });
  assert.deepEqual(heard[1], ["counted", 7, { imap: 1, pop3: 0 }]);
  end();
  // Whoever waits for its ports need not wait longer.
  await predecessors.allLeft();
  assert.deepEqual(heard[2], ["gone", 7]);
  assert.equal(predecessors.connections, 0);
  assert.deepEqual(predecessors.list(), []);
});
