import assert from "node:assert/strict";
import { FakeClock } from "../../../tests/support/fake_clock.ts";
import { StoreError } from "../store.ts";
import type { RemoteSource } from "./source.ts";
import { RemoteStore } from "./store.ts";

const LIMIT = 1000;

/** A source whose requests are answered by the test. */
class FakeSource implements RemoteSource {
  readonly source = "redis";
  readonly writable = true;
  readonly parallel = 2;
  isPartial = false;
  /** What `check` says. */
  fault: StoreError | null = null;
  drops = 0;
  isClosed = false;
  readonly gets: {
    identifier: string;
    answer: (destination: string | null) => void;
    fail: (error: StoreError) => void;
  }[] = [];
  writing = Promise.withResolvers<void>();

  get(identifier: string): Promise<string | null> {
    return new Promise((answer, fail) =>
      this.gets.push({ identifier, answer, fail })
    );
  }
  getMany = (identifiers: readonly string[]) =>
    Promise.all(identifiers.map((each) => this.get(each)));
  delete = () => Promise.resolve(true);
  write: RemoteSource["write"] = () => this.writing.promise;
  list = () => Promise.resolve({ mappings: [], next: null });
  check = () => this.fault ? Promise.reject(this.fault) : Promise.resolve();
  drop() {
    this.drops++;
    for (const { fail } of this.gets.splice(0)) fail(unavailable("dropped"));
  }
  close() {
    this.isClosed = true;
    return Promise.resolve();
  }
}

const unavailable = (message: string) => new StoreError("unavailable", message);

/** Whatever is ready to happen happens. */
async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}

async function open(fault: StoreError | null = null) {
  const clock = new FakeClock();
  const source = new FakeSource();
  source.fault = fault;
  const told: string[] = [];
  const store = await RemoteStore.open(source, {
    timeout: () => LIMIT,
    clock,
    events: {
      down: (problem) => told.push(`down: ${problem}`),
      up: () => told.push("up"),
      answered: (operation) => told.push(`${operation} answered`),
      failed: (operation, reason) => told.push(`${operation} ${reason}`),
    },
  });
  return { clock, source, store, told };
}

/** The message of a request's failure; "" when it succeeds. */
const outcome = (request: Promise<unknown>) =>
  request.then(() => "", (error: Error) => error.message);

Deno.test("RemoteStore answers what its source answers", async () => {
  const { source, store, told, clock } = await open();
  const asked = store.get("alice");
  await settle();
  source.gets[0]!.answer("new");
  assert.equal(await asked, "new");
  assert.deepEqual(told, ["get answered"]);
  assert.deepEqual(store.health(), { serving: true, problem: null });
  assert.equal(clock.armed, 0, "no time limit is left behind");
});

Deno.test("RemoteStore opens with a source that is down, fails at once, and comes back by itself", async () => {
  const { clock, source, store, told } = await open(unavailable("refused"));
  assert.deepEqual(store.health(), { serving: false, problem: "refused" });
  assert.equal(await outcome(store.get("alice")), "refused");
  assert.equal(source.gets.length, 0, "it was not asked");
  clock.advance(100);
  await settle();
  source.fault = unavailable("wrong password");
  clock.advance(200);
  await settle();
  source.fault = null;
  clock.advance(400);
  await settle();
  assert.deepEqual(told, [
    "down: refused",
    "get unavailable",
    "down: wrong password",
    "up",
  ]);
  assert.equal(store.health().serving, true);
});

Deno.test("RemoteStore tries a source that stays down at least every second", async () => {
  const { clock, source } = await open(unavailable("refused"));
  for (let i = 0; i < 10; i++) {
    clock.advance(1000);
    await settle();
  }
  let checks = 0;
  source.check = () => {
    checks++;
    return Promise.reject(unavailable("refused"));
  };
  for (let i = 0; i < 10; i++) {
    clock.advance(1000);
    await settle();
  }
  assert.equal(checks, 10);
});

Deno.test("RemoteStore asks again when a connection broke, and is down when the next one breaks too", async () => {
  const { source, store, told } = await open();
  const first = store.get("alice");
  await settle();
  source.gets.shift()!.fail(unavailable("closed"));
  await settle();
  source.gets.shift()!.answer("new");
  assert.equal(await first, "new");
  source.fault = unavailable("refused");
  const second = outcome(store.get("bob"));
  await settle();
  source.gets.shift()!.fail(unavailable("closed"));
  await settle();
  source.gets.shift()!.fail(unavailable("refused"));
  assert.equal(await second, "refused");
  assert.deepEqual(told, ["get answered", "down: refused", "get unavailable"]);
});

Deno.test("RemoteStore is down when nothing at all is answered in time, and piles nothing up", async () => {
  const { clock, source, store, told } = await open();
  source.fault = unavailable("hangs");
  const asked = ["a", "b", "c", "d"].map((each) => outcome(store.get(each)));
  await settle();
  assert.equal(source.gets.length, 2, "as many as it takes at once");
  clock.advance(LIMIT);
  await settle();
  const late = `no answer within ${LIMIT} ms`;
  assert.deepEqual(await Promise.all(asked), [late, late, late, late]);
  assert.equal(source.drops, 1);
  assert.equal(await outcome(store.get("e")), late);
  assert.equal(told.filter((each) => each === `down: ${late}`).length, 1);
});

Deno.test("RemoteStore fails a slow request alone while others are answered", async () => {
  const { clock, source, store, told } = await open();
  const slow = outcome(store.get("slow"));
  await settle();
  clock.advance(LIMIT / 2);
  const quick = store.get("quick");
  await settle();
  source.gets[1]!.answer("new");
  await quick;
  clock.advance(LIMIT / 2);
  assert.equal(await slow, `no answer within ${LIMIT} ms`);
  assert.equal(store.health().serving, true);
  assert.equal(source.drops, 0);
  assert.deepEqual(told, ["get answered", "get timeout"]);
});

Deno.test("RemoteStore of several servers is down when none of them answers", async () => {
  const { clock, source, store, told } = await open();
  source.isPartial = true;
  const hanging = outcome(store.get("a"));
  await settle();
  clock.advance(LIMIT);
  await settle();
  assert.equal(await hanging, `no answer within ${LIMIT} ms`);
  for (const _ of [1, 2]) {
    const refused = outcome(store.get("b"));
    await settle();
    source.gets.pop()!.fail(unavailable("one is away"));
    await settle();
    source.gets.pop()!.fail(unavailable("one is away"));
    assert.equal(await refused, "one is away");
  }
  assert.equal(store.health().serving, true);
  assert.equal(source.drops, 0, "what others are asked goes on");
  source.fault = unavailable("all are away");
  const last = outcome(store.get("c"));
  await settle();
  source.gets.pop()!.fail(unavailable("one is away"));
  await settle();
  source.gets.pop()!.fail(unavailable("one is away"));
  await last;
  await settle();
  assert.equal(store.health().problem, "all are away");
  assert.equal(told.filter((each) => each.startsWith("down")).length, 1);
});

Deno.test("RemoteStore is down after a write that takes too long only if nothing else is answered", async () => {
  const { clock, source, store } = await open();
  const late = `no answer within ${LIMIT} ms`;
  const write = async () => {
    const written = outcome(store.set("alice", "new"));
    await settle();
    clock.advance(LIMIT);
    await settle();
    assert.equal(await written, late);
  };
  await write();
  assert.equal(store.health().serving, true);
  assert.equal(source.drops, 0, "lookups under way go on");
  source.fault = unavailable("hangs");
  await write();
  assert.equal(store.health().problem, "hangs");
});

Deno.test("RemoteStore stays up for an answer that cannot be used", async () => {
  const { source, store } = await open();
  const asked = outcome(store.get("alice"));
  await settle();
  source.gets[0]!.fail(new StoreError("bad-data", "a list"));
  assert.equal(await asked, "a list");
  assert.equal(store.health().serving, true);
});

Deno.test("RemoteStore never sends a write twice", async () => {
  const { source, store } = await open();
  let writes = 0;
  source.write = () => {
    writes++;
    return Promise.reject(unavailable("closed"));
  };
  assert.equal(await outcome(store.set("alice", "new")), "closed");
  assert.equal(writes, 1);
});

Deno.test("RemoteStore writes one identifier in the order asked, and others meanwhile", async () => {
  const { source, store } = await open();
  const first = source.writing;
  const written: string[] = [];
  source.write = (changes) => {
    written.push(...changes.values() as Iterable<string>);
    return source.writing.promise;
  };
  const asked = [store.set("alice", "new")];
  await settle();
  source.writing = Promise.withResolvers();
  asked.push(store.set("alice", "old"), store.set("bob", "bob's"));
  await settle();
  assert.deepEqual(written, ["new", "bob's"]);
  first.resolve();
  await settle();
  assert.deepEqual(written, ["new", "bob's", "old"]);
  source.writing.resolve();
  await Promise.all(asked);
});

Deno.test("RemoteStore.reload fails where the source does not answer", async () => {
  const { source, store } = await open();
  await store.reload();
  source.fault = unavailable("refused");
  await assert.rejects(store.reload(), { code: "unavailable" });
});

Deno.test("RemoteStore.close waits for writes, and nothing is tried afterwards", async () => {
  const { clock, source, store } = await open();
  const written = store.set("alice", "new");
  await settle();
  const closed = store.close();
  await settle();
  assert.equal(source.isClosed, false);
  source.writing.resolve();
  await written;
  await closed;
  assert.equal(source.isClosed, true);
  assert.equal(clock.armed, 0);
  assert.equal(await outcome(store.get("alice")), "it is closed");
});
