import assert from "node:assert/strict";
import { FileStore } from "../../store/file.ts";
import { PackedMap } from "../../store/packed_map.ts";
import type { ImportAsks } from "./import_messages.ts";
import { Lending } from "./lending.ts";
import { LentFileStore } from "./lent_file.ts";

const OLD = Array.from({ length: 50_000 }, (_, i) => `user${i}\told\n`).sort();

/** A mapping file, and how it looks from another thread; `crossed` is how many pieces came back whole. */
async function setup() {
  const path = await Deno.makeTempFile();
  await Deno.writeTextFile(path, OLD.join(""));
  const store = await FileStore.open({
    path,
    normalize: (identifier) => identifier,
    checkDestination: () => null,
    warn() {},
  });
  const lending = new Lending(
    store,
    (name) => gone.has(name) ? `destination ${name} is gone` : null,
  );
  const gone = new Set<string>();
  let crossed = 0;
  const call = async (name: keyof ImportAsks, argument: unknown) => {
    if (name === "made") {
      crossed += (argument as unknown[]).filter((each) =>
        typeof each !== "number"
      ).length;
    }
    const handler = lending.handlers[name as "lend"] as (
      argument: unknown,
    ) => unknown;
    return structuredClone(await handler(structuredClone(argument)));
  };
  const lent = new LentFileStore(
    { call: call as unknown as LentFileStore["owner"]["call"] },
    store.size,
  );
  return {
    path,
    store,
    lending,
    lent,
    gone,
    crossed: () => crossed,
    async [Symbol.asyncDispose]() {
      await store.close();
      await Deno.remove(path);
    },
  };
}

const changes = (...rows: [string, string][]) =>
  rows.reduce(
    (map, [identifier, destination]) => map.set(identifier, destination),
    new PackedMap<string>(rows.length),
  );

const keep = { rest: "keep", settle: () => Promise.resolve() } as const;

Deno.test("a lent mapping file is changed for its owner, and what has not changed does not come back", async () => {
  await using t = await setup();
  const changed: string[] = [];
  await t.lent.writeAll(
    changes(["user7", "new"], ["user8", "old"], ["zoe", "new"]),
    {
      ...keep,
      settle: async (changing) => {
        changed.push(...changing.keys());
        assert.equal(await t.store.get("user7"), "old");
      },
    },
  );
  assert.deepEqual(changed.sort(), ["user7", "zoe"]);
  assert.equal(await t.store.get("user7"), "new");
  assert.equal(await t.store.get("user49999"), "old");
  assert.equal(t.store.size, 50_001);
  assert.equal(t.lent.size, 50_001);
  assert.ok(t.crossed() <= 3, `${t.crossed()} pieces`);
  const wanted = [
    ...OLD.map((row) => row === "user7\told\n" ? "user7\tnew\n" : row),
    "zoe\tnew\n",
  ];
  assert.equal(await Deno.readTextFile(t.path), wanted.join(""));
  // It is known as its owner's own.
  await t.store.set("zoe", "old");
  assert.equal(await t.store.get("zoe"), "old");
});

Deno.test("a mapping that is set while the mapping file is lent is set behind that", async () => {
  await using t = await setup();
  let later = Promise.resolve();
  await t.lent.writeAll(changes(["user1", "import"], ["user2", "import"]), {
    ...keep,
    settle: () => {
      later = t.store.set("user2", "later");
      return Promise.resolve();
    },
  });
  await later;
  assert.equal(await t.store.get("user1"), "import");
  assert.equal(await t.store.get("user2"), "later");
  assert.match(await Deno.readTextFile(t.path), /\nuser2\tlater\n/);
});

Deno.test("a lent mapping file is as it was where it cannot be written, or its borrower is gone", async () => {
  await using t = await setup();
  await assert.rejects(
    t.lent.writeAll(changes(["user1", "new"], ["white space", "new"]), keep),
    { code: "unstorable" },
  );
  await Deno.writeTextFile(t.path, "user1\tother\n");
  await assert.rejects(t.lent.writeAll(changes(["user1", "new"]), keep), {
    code: "conflict",
  });
  assert.equal(await t.store.get("user1"), "old");
  await t.store.reload();
  await t.lending.handlers.lend(null);
  const waiting = t.store.set("user2", "new");
  t.lending.end();
  await waiting;
  assert.equal(
    await Deno.readTextFile(t.path),
    "user1\tother\nuser2\tnew\n",
  );
});

Deno.test("a lent mapping file is not made to name a destination that was taken away meanwhile", async () => {
  await using t = await setup();
  const change = changes(["user1", "spare"], ["zoe", "spare"]);
  t.gone.add("spare");
  await assert.rejects(t.lent.writeAll(change, keep), {
    code: "write-failed",
    message: /destination spare is gone/,
  });
  assert.equal(await Deno.readTextFile(t.path), OLD.join(""));
  await t.lent.writeAll(changes(["zoe", "new"]), keep);
  assert.equal(await t.store.get("zoe"), "new");
});
