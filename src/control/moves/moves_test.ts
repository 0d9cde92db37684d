import assert from "node:assert/strict";
import { FakeClock } from "../../../tests/support/fake_clock.ts";
import { BASE, configOf } from "../../config/testing.ts";
import { Metrics } from "../../observe/metrics.ts";
import type { MappingStore } from "../../store/store.ts";
import { StateDir } from "../state_dir.ts";
import { KeptChanges } from "./kept_changes.ts";
import { Moves } from "./moves.ts";
import type { Mapped, MoveGround } from "./relocation.ts";

const CONFIG = configOf(
  BASE.replace("[mapping]", '[mapping]\nnormalize = "lowercase"'),
);

async function setup(folder?: string) {
  const mappings = new Map<string, string>([["alice@example.com", "old"]]);
  let gate: Promise<void> = Promise.resolve();
  const ground: MoveGround = {
    hold: () => Promise.resolve(() => {}),
    read: (accounts) =>
      Promise.resolve(
        new Map(accounts.map((a) => [a, mappings.get(a) ?? null])),
      ),
    async write(changes: Mapped) {
      await gate;
      for (const [account, destination] of changes) {
        if (destination === null) mappings.delete(account);
        else mappings.set(account, destination);
      }
    },
    recovered: () => Promise.resolve(),
    forget: () => Promise.resolve(),
    evict: () => Promise.resolve(new Map()),
  };
  const store = {
    writable: true,
    unstorable: (name: string) => name.startsWith("#") ? "begins with #" : null,
  } as MappingStore;
  const metrics = new Metrics();
  const moves = new Moves(
    ground,
    new KeptChanges(await StateDir.open(folder)),
    { store, metrics },
    () => CONFIG,
    new FakeClock(),
  );
  const move = (
    identifier: string,
    destination: string,
    aliases: string[] = [],
  ) =>
    moves.move({
      accounts: [{ identifier, aliases }],
      destination,
      dryRun: false,
      by: "test",
    });
  const block = () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    gate = promise;
    return resolve;
  };
  return { moves, move, mappings, metrics, ground, block };
}

Deno.test("Moves move an account with its aliases, and undo it", async () => {
  const { moves, move, mappings, metrics } = await setup();
  const done = await move("Alice@example.com", "new", ["ALICE", "alice"]);
  assert.deepEqual(done.accounts, [{
    identifier: "Alice@example.com",
    result: "moved",
    previous: { "alice@example.com": "old", alice: null },
    now: {},
    kicked: 0,
  }]);
  assert.deepEqual(Object.fromEntries(mappings), {
    "alice@example.com": "new",
    alice: "new",
  });
  const again = await move("alice@example.com", "new", ["alice"]);
  assert.equal(again.accounts[0]!.result, "unchanged");
  assert.equal(again.change, null);
  const undone = await moves.undo(done.change!);
  assert.equal(undone.accounts[0]!.result, "restored");
  assert.deepEqual(Object.fromEntries(mappings), {
    "alice@example.com": "old",
  });
  await assert.rejects(moves.undo(done.change!), { code: "conflict" });
  await assert.rejects(moves.undo("other"), { code: "unknown" });
  const { samples } = metrics.snapshot().find(({ name }) => name === "moves")!;
  assert.deepEqual(
    samples.filter(({ value }) => value > 0)
      .map(({ values, value }) => [values[0], value]),
    [["moved", 1], ["unchanged", 1], ["restored", 1]],
  );
});

Deno.test("Moves refuse to undo what somebody has changed since, and name it", async () => {
  const { moves, mappings } = await setup();
  const { change } = await moves.move({
    accounts: ["alice@example.com", "bob@example.com"]
      .map((identifier) => ({ identifier, aliases: [] })),
    destination: "new",
    dryRun: false,
    by: "test",
  });
  mappings.set("bob@example.com", "third");
  const answer = await moves.undo(change!);
  assert.deepEqual(
    answer.accounts.map((
      { identifier, result, now },
    ) => [identifier, result, now]),
    [
      ["alice@example.com", "not-moved", {}],
      ["bob@example.com", "changed", { "bob@example.com": "third" }],
    ],
  );
  assert.match(answer.problem!, /mapped to something else since/);
  assert.equal(mappings.get("alice@example.com"), "new");
  // Once it is as the move left it, the undo is possible.
  mappings.set("bob@example.com", "new");
  assert.equal((await moves.undo(change!)).problem, null);
  assert.deepEqual([...mappings], [["alice@example.com", "old"]]);
});

Deno.test("Moves let the first of two moves of an account win", async () => {
  const { move, block, mappings } = await setup();
  const goOn = block();
  const first = move("alice@example.com", "new", ["alice"]);
  const second = await move("al", "old", ["Alice"]);
  assert.equal(second.accounts[0]!.result, "busy");
  assert.equal(second.change, null);
  assert.match(second.problem!, /by another request/);
  goOn();
  assert.equal((await first).accounts[0]!.result, "moved");
  assert.equal(mappings.has("al"), false);
  assert.equal(
    (await move("al", "old", ["alice"])).accounts[0]!.result,
    "moved",
  );
});

Deno.test("Moves say what a dry run would do", async () => {
  const { moves, mappings } = await setup();
  const answer = await moves.move({
    accounts: [
      { identifier: "alice@example.com", aliases: ["alice"] },
      { identifier: "bob@example.com", aliases: [] },
    ],
    destination: "old",
    dryRun: true,
    by: "test",
  });
  assert.deepEqual(
    answer.accounts.map(({ result, previous }) => [result, previous]),
    [
      ["would-change", { "alice@example.com": "old", alice: null }],
      ["would-change", { "bob@example.com": null }],
    ],
  );
  assert.deepEqual([answer.change, answer.dry_run], [null, true]);
  assert.deepEqual([...mappings], [["alice@example.com", "old"]]);
});

Deno.test("Moves refuse what cannot be followed as a whole", async () => {
  const { moves, move } = await setup();
  await assert.rejects(move("alice", "nowhere"), { code: "unknown" });
  await assert.rejects(move("with space", "new"), { code: "invalid" });
  await assert.rejects(move("alice", "new", ["#a"]), { code: "invalid" });
  const accounts = (count: number, name: (i: number) => string) =>
    moves.move({
      accounts: Array.from(
        { length: count },
        (_, i) => ({ identifier: name(i), aliases: [] }),
      ),
      destination: "new",
      dryRun: true,
      by: "test",
    });
  await assert.rejects(accounts(2, (i) => "Aa"[i]!), /a is named twice/);
  await assert.rejects(
    accounts(10_001, (i) => `u${i}`),
    /more than 10000 names/,
  );
  assert.equal(
    (await accounts(10_000, (i) => `u${i}`)).accounts.length,
    10_000,
  );
});

Deno.test("Moves can be undone after a restart where there is a state folder", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const before = await setup(folder);
    const { change } = await before.move("alice@example.com", "new");
    const after = await setup(folder);
    after.mappings.set("alice@example.com", "new");
    assert.equal(
      (await after.moves.undo(change!)).accounts[0]!.result,
      "restored",
    );
    assert.equal(after.mappings.get("alice@example.com"), "old");
    const third = await setup(folder);
    await assert.rejects(third.moves.undo(change!), { code: "conflict" });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("KeptChanges keep the last thousand", async () => {
  const files = new Map<string, string>();
  const state = {
    read: (name: string) => Promise.resolve(files.get(name) ?? null),
    write: (name: string, text: string) =>
      Promise.resolve(void files.set(name, text)),
    remove: (name: string) => Promise.resolve(void files.delete(name)),
  };
  const kept = new KeptChanges(state);
  const change = (id: string, names: number) => ({
    id,
    at: "",
    by: "",
    destination: "new",
    undone: false,
    accounts: [{
      identifier: id,
      before: Object.fromEntries(
        Array.from({ length: names }, (_, i) => [`${id}-${i}`, null]),
      ),
    }],
  });
  for (let i = 0; i < 1003; i++) await kept.keep(change(`c${i}`, 1));
  assert.equal(await kept.find("c2"), undefined);
  assert.equal((await kept.find("c3"))?.id, "c3");
  await kept.keep(change("big", 199_999));
  assert.equal(await kept.find("c1001"), undefined);
  const again = new KeptChanges(state);
  assert.equal((await again.find("c1002"))?.id, "c1002");
  await again.forget("c1002");
  assert.equal(await again.find("c1002"), undefined);
  assert.deepEqual([...files.keys()].sort(), ["move-big.json", "moves.json"]);
});
