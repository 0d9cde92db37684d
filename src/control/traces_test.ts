import assert from "node:assert/strict";
import type { TraceStep } from "../port/messages.ts";
import { ControlError } from "./api.ts";
import { Traces } from "./traces.ts";

const step = (identifier: string, text: string): TraceStep => ({
  identifier,
  session: "s1",
  at: 0,
  text,
});

function setup() {
  const told: string[] = [];
  const traces = new Traces((account, traced) => {
    told.push(`${traced ? "on" : "off"} ${account}`);
    return Promise.resolve();
  });
  return { traces, told };
}

Deno.test("Traces gives a follower the steps of its account, as long as it follows", async () => {
  const { traces, told } = setup();
  const ended = new AbortController();
  const following = traces.follow("alice", ended.signal);
  const first = following.next();
  await Promise.resolve();
  assert.deepEqual(traces.accounts(), ["alice"]);
  traces.told(step("bob", "not hers"));
  traces.told(step("alice", "one"));
  traces.told(step("alice", "two"));
  assert.equal((await first).value?.text, "one");
  assert.equal((await following.next()).value?.text, "two");
  const last = following.next();
  ended.abort();
  assert.equal((await last).done, true);
  assert.deepEqual(told, ["on alice", "off alice"]);
  assert.deepEqual(traces.accounts(), []);
});

Deno.test("Traces tells workers to stop when the last follower of an account is gone", async () => {
  const { traces, told } = setup();
  const [a, b] = [new AbortController(), new AbortController()];
  const followers = [a, b].map(({ signal }) => traces.follow("alice", signal));
  const ends = followers.map((follower) => follower.next());
  a.abort();
  await ends[0];
  assert.ok(!told.includes("off alice"));
  b.abort();
  await ends[1];
  assert.equal(told.at(-1), "off alice");
});

Deno.test("Traces leaves out what a follower does not read, and says so", async () => {
  const { traces } = setup();
  const ended = new AbortController();
  const following = traces.follow("alice", ended.signal);
  const first = following.next();
  await Promise.resolve();
  traces.told(step("alice", "first"));
  await first;
  for (let i = 0; i < 1002; i++) traces.told(step("alice", String(i)));
  ended.abort();
  const texts: string[] = [];
  for await (const { text } of following) texts.push(text);
  assert.equal(texts.length, 1001);
  assert.equal(texts.at(-1), "2 steps are left out here");
});

Deno.test("Traces refuses more followers than it can serve", async () => {
  const { traces } = setup();
  const ended = new AbortController();
  const all = Array.from(
    { length: 16 },
    () => traces.follow("alice", ended.signal).next(),
  );
  await assert.rejects(
    traces.follow("alice", ended.signal).next(),
    (error) => error instanceof ControlError && error.code === "conflict",
  );
  ended.abort();
  await Promise.all(all);
});
