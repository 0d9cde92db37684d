import assert from "node:assert/strict";
import { FakeClock } from "../../../tests/support/fake_clock.ts";
import { type Mapped, type MoveGround, relocate } from "./relocation.ts";

type Step = "hold" | "read" | "write" | "forget" | "evict" | "release";

/** A store and sessions in memory, which fail where the test says so. */
class FakeGround implements MoveGround {
  readonly mappings = new Map<string, string | null>([["a", "old"], [
    "b",
    "old",
  ]]);
  readonly steps: string[] = [];
  readonly evicted: Mapped[] = [];
  isHeld = false;
  /** Called before each step. */
  before: (step: Step) => void | Promise<void> = () => {};
  /** So many changes of a write take effect before it fails. */
  writesUntilFailure = Infinity;

  async hold(accounts: readonly string[]) {
    await this.#step("hold", accounts);
    this.isHeld = true;
    return () => {
      if (this.isHeld) this.steps.push("release");
      this.isHeld = false;
    };
  }

  async read(accounts: readonly string[]) {
    await this.#step("read", accounts);
    return new Map(
      accounts.map((each) => [each, this.mappings.get(each) ?? null]),
    );
  }

  async write(changes: Mapped) {
    await this.#step("write", [...changes].map(([k, v]) => `${k}=${v}`));
    for (const [account, destination] of changes) {
      if (this.writesUntilFailure-- === 0) throw new Error("disk full");
      this.mappings.set(account, destination);
    }
  }

  recoveries = 0;

  recovered() {
    this.recoveries++;
    return Promise.resolve();
  }

  readonly forgotten: boolean[] = [];

  async forget(accounts: readonly string[], isCertain: boolean) {
    this.forgotten.push(isCertain);
    await this.#step("forget", accounts);
  }

  async evict(accounts: Mapped) {
    this.evicted.push(accounts);
    await this.#step("evict", [...accounts.keys()]);
    return new Map([...accounts.keys()].map((each) => [each, 2]));
  }

  async #step(step: Step, what: readonly string[]) {
    await this.before(step);
    this.steps.push(`${step} ${what.join()}`);
  }
}

function setup() {
  const ground = new FakeGround();
  const clock = new FakeClock();
  const remembered: Mapped[] = [];
  const run = (targets: Record<string, string | null>) =>
    relocate(ground, new Map(Object.entries(targets)), {
      judge() {},
      remember: (before) => Promise.resolve(void remembered.push(before)),
    }, clock);
  return { ground, clock, remembered, run };
}

Deno.test("relocate holds, writes, invalidates, kicks and releases, in this order", async () => {
  const { ground, clock, remembered, run } = setup();
  const { accounts, failure } = await run({ a: "new", b: "old", c: "new" });
  assert.equal(failure, null);
  assert.deepEqual(ground.steps, [
    "hold a,b,c",
    "read a,b,c",
    "write a=new,c=new",
    "forget a,b,c",
    "evict a,b,c",
    "read a,c",
    "release",
  ]);
  assert.deepEqual(remembered, [new Map([["a", "old"], ["c", null]])]);
  assert.deepEqual([...accounts], [
    ["a", { result: "moved", previous: "old", kicked: 2 }],
    ["b", { result: "unchanged", previous: "old", kicked: 2 }],
    ["c", { result: "moved", previous: null, kicked: 2 }],
  ]);
  assert.equal(clock.armed, 0);
});

Deno.test("relocate of what is in place writes and remembers nothing", async () => {
  const { ground, remembered, run } = setup();
  const { accounts } = await run({ a: "old" });
  assert.equal(accounts.get("a")!.result, "unchanged");
  assert.deepEqual(ground.steps, [
    "hold a",
    "read a",
    "forget a",
    "evict a",
    "release",
  ]);
  assert.deepEqual(remembered, []);
});

Deno.test("relocate puts back what it wrote when a write fails half-way", async () => {
  for (let written = 0; written < 3; written++) {
    const { ground, run } = setup();
    ground.writesUntilFailure = written;
    const { accounts, failure } = await run({ a: "new", b: "new", c: "new" });
    assert.equal(failure?.message, "disk full");
    assert.equal(ground.recoveries, written === 0 ? 1 : 2);
    assert.deepEqual(
      [...accounts.values()].map(({ result }) => result),
      ["a", "b", "c"].map((_, i) => i < written ? "put-back" : "not-moved"),
    );
    assert.deepEqual(
      ["a", "b", "c"].map((each) => ground.mappings.get(each) ?? null),
      ["old", "old", null],
    );
    assert.equal(ground.isHeld, false);
    assert.deepEqual(ground.forgotten, [false]);
    // Nobody is on the new server; where somebody slipped through, he is ended.
    assert.deepEqual(ground.evicted, [
      new Map([["a", "old"], ["b", "old"], ["c", null]]),
    ]);
  }
});

Deno.test("relocate says what it cannot find out or put back", async () => {
  for (const lost of ["read", "write"] as const) {
    const { ground, run } = setup();
    ground.writesUntilFailure = 1;
    let isGone = false;
    ground.before = (step) => {
      if (isGone && step === lost) throw new Error("unreachable");
      if (step === "write") isGone = true;
    };
    const { accounts, failure } = await run({ a: "new", b: "new" });
    assert.equal(failure?.message, "disk full");
    assert.deepEqual(accounts.get("a"), {
      result: "unknown",
      previous: "old",
      kicked: 0,
      ...(lost === "write" && { now: "new" }),
    });
    assert.equal(
      accounts.get("b")!.result,
      lost === "read" ? "unknown" : "not-moved",
    );
    assert.equal(ground.isHeld, false);
  }
});

Deno.test("relocate that fails before its write has changed nothing and holds nobody", async () => {
  for (const where of ["read", "remember", "judge"]) {
    const { ground, clock } = setup();
    const stop = () => {
      throw new Error(where);
    };
    ground.before = (step) => {
      if (step === where) stop();
    };
    const hooks = {
      judge: where === "judge" ? stop : () => {},
      remember: () =>
        where === "remember"
          ? Promise.reject(new Error(where))
          : Promise.resolve(),
    };
    await assert.rejects(
      relocate(ground, new Map([["a", "new"]]), hooks, clock),
      { message: where },
    );
    assert.equal(ground.mappings.get("a"), "old");
    assert.ok(ground.steps.every((step) => !step.startsWith("write")));
    assert.equal(ground.isHeld, false);
    assert.equal(clock.armed, 0);
  }
});

Deno.test("relocate releases logins after two minutes, and still ends who went astray", async () => {
  const { ground, clock, run } = setup();
  const { promise: hangs, resolve: goOn } = Promise.withResolvers<void>();
  const writing = Promise.withResolvers<void>();
  ground.before = (step) => {
    if (step !== "write") return;
    writing.resolve();
    return hangs;
  };
  const move = run({ a: "new" });
  await writing.promise;
  clock.advance(119_999);
  assert.equal(ground.isHeld, true);
  clock.advance(1);
  assert.equal(ground.isHeld, false);
  goOn();
  assert.equal((await move).accounts.get("a")!.result, "moved");
  assert.deepEqual(ground.steps.slice(-3), ["forget a", "evict a", "read a"]);
});

Deno.test("relocate says when somebody else changed the mapping meanwhile", async () => {
  const { ground, run } = setup();
  ground.before = (step) => {
    if (step === "evict") ground.mappings.set("a", "third");
  };
  assert.deepEqual((await run({ a: "new" })).accounts.get("a"), {
    result: "overtaken",
    previous: "old",
    now: "third",
    kicked: 2,
  });
});

Deno.test("relocate leaves what somebody else wrote while its own write failed", async () => {
  const { ground, run } = setup();
  ground.before = (step) => {
    if (step !== "write") return;
    ground.mappings.set("a", "third");
    throw new Error("lost");
  };
  const { accounts } = await run({ a: "new" });
  assert.deepEqual(accounts.get("a"), {
    result: "overtaken",
    previous: "old",
    now: "third",
    kicked: 0,
  });
  assert.equal(ground.mappings.get("a"), "third");
});
