import assert from "node:assert/strict";
import { SeededRandom } from "../../../tests/support/random.ts";
import type { Resources } from "../../config/resources.ts";
import { BASE, configOf } from "../../config/testing.ts";
import { ControlError } from "../api.ts";
import { Overrides } from "../overrides/overrides.ts";
import { type Served, servedAsIs } from "../served.ts";
import { StateDir } from "../state_dir.ts";
import {
  aclKind,
  ConfiguredTable,
  mapKind,
  type TableKind,
} from "./configured_table.ts";
import type { Table } from "./table.ts";

const CONFIG = configOf(`${BASE}[acl.a]\n[map.m]\nfile = "m.map"\n`);

/** An acl `a` and a map `m` over overrides that are kept in a folder. */
class Setting implements AsyncDisposable {
  acls = new Map([["a", ["10.0.0.0/8", "192.0.2.7/24"]]]);
  maps = new Map([["m", new Map([["x", "1"], ["y", "2"]])]]);
  served!: Served;
  overrides!: Overrides;
  puts = 0;

  private constructor(readonly folder: string) {}

  static async create(): Promise<Setting> {
    const setting = new Setting(await Deno.makeTempDir());
    await setting.start();
    return setting;
  }

  /** As at a start of the process, or behind a reload of the configuration. */
  async start(): Promise<void> {
    this.overrides = new Overrides(
      await StateDir.open(this.folder),
      () => ({
        ground: () => this.ground(),
        problems: () => Promise.resolve([]),
        exclusively: <T>(job: () => Promise<T>) => job(),
        put: async (served: Served, settle: () => Promise<void>) => {
          await settle();
          this.served = served;
          this.puts++;
        },
      }),
    );
    await this.overrides.load();
    this.served = this.overrides.lay(this.ground());
  }

  ground() {
    const { acls, maps } = this;
    const resources = { acls, maps } as unknown as Resources;
    return servedAsIs(CONFIG, resources);
  }

  table<E>(kind: TableKind<E>, name: string): Table {
    const resources = () => this.served.resources;
    return new ConfiguredTable(kind, name, "", resources, this.overrides);
  }

  get acl() {
    return this.table(aclKind, "a");
  }

  get map() {
    return this.table(mapKind, "m");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.folder, { recursive: true });
  }
}

async function keys(table: Table): Promise<string[]> {
  const entries = await Array.fromAsync(table.entries());
  return entries.map(({ key }) => key);
}

Deno.test("ConfiguredTable keeps what is other than configured, and forgets it when nothing is", async () => {
  await using t = await Setting.create();
  const { acl } = t;
  const added = acl.judge({ key: "198.51.100.9/32", value: "" });
  await acl.merge(new Map([[added.key, ""]]), "ops");
  assert.equal(await acl.remove("192.0.2.200/24", "ops"), true);
  assert.deepEqual(t.overrides.get("acl", "a"), {
    add: ["198.51.100.9"],
    remove: ["192.0.2.0/24"],
  });
  assert.deepEqual(await keys(acl), ["10.0.0.0/8", "198.51.100.9"]);
  assert.deepEqual(
    t.served.resources.acls.get("a"),
    ["10.0.0.0/8", "198.51.100.9"],
  );
  await acl.merge(new Map([["192.0.2.0/24", ""]]), "ops");
  assert.equal(await acl.remove("198.51.100.9", "ops"), true);
  assert.deepEqual(t.overrides.list(), []);
});

Deno.test("ConfiguredTable changes nothing where nothing changes", async () => {
  await using t = await Setting.create();
  const { acl, map } = t;
  await acl.merge(new Map([["192.0.2.0/24", ""]]), "ops");
  await map.merge(new Map([["x", "1"]]), "ops");
  for (const key of ["10.1.0.0/16", "10.1.2.3", "localhost", ""]) {
    assert.equal(await acl.remove(key, "ops"), false, key);
  }
  assert.equal(await map.remove("z", "ops"), false);
  assert.equal(t.puts, 0);
});

Deno.test("ConfiguredTable.replace stands for all of it, also when the configuration changes", async () => {
  await using t = await Setting.create();
  await t.map.replace(new Map([["z", "9"]]), "ops");
  assert.deepEqual(t.overrides.get("map", "m"), { entries: [["z", "9"]] });
  t.maps = new Map([["m", new Map([["new", "1"]])]]);
  await t.start();
  assert.deepEqual(await keys(t.map), ["z"]);
  assert.deepEqual(t.overrides.list()[0]!.state, "stale");
  await t.map.merge(new Map([["q", "8"]]), "ops");
  assert.deepEqual(t.overrides.get("map", "m"), {
    entries: [["z", "9"], ["q", "8"]],
  });
  await t.map.replace(new Map(), "ops");
  assert.deepEqual(await keys(t.map), []);
  assert.deepEqual(t.overrides.get("map", "m"), { entries: [] });
});

Deno.test("ConfiguredTable lays single changes over what the configuration says by now", async () => {
  await using t = await Setting.create();
  await t.map.merge(new Map([["x", "other"], ["z", "3"]]), "ops");
  await t.map.remove("y", "ops");
  t.maps = new Map([["m", new Map([["x", "5"], ["y", "6"], ["w", "7"]])]]);
  await t.start();
  const found = await Array.fromAsync(t.map.entries());
  assert.deepEqual(found, [
    { key: "x", value: "other" },
    { key: "w", value: "7" },
    { key: "z", value: "3" },
  ]);
});

Deno.test("ConfiguredTable finds the smallest range that an address is in", async () => {
  await using t = await Setting.create();
  const { acl } = t;
  await acl.merge(new Map([["10.1.0.0/16", ""], ["10.1.2.3", ""]]), "ops");
  const found = async (address: string) => (await acl.find(address))?.key;
  assert.equal(await found("10.1.2.3"), "10.1.2.3");
  assert.equal(await found("10.1.2.4"), "10.1.0.0/16");
  assert.equal(await found("::ffff:10.9.2.4"), "10.0.0.0/8");
  assert.equal(await found("203.0.113.1"), undefined);
  assert.equal(await found("10.0.0.0/8"), undefined);
  assert.equal(await found("nonsense"), undefined);
});

Deno.test("ConfiguredTable refuses what can be no entry", async () => {
  await using t = await Setting.create();
  const refused = (message: string) => (error: unknown) =>
    error instanceof ControlError && error.message === message;
  assert.throws(
    () => t.acl.judge({ key: "foo", value: "" }),
    refused("'foo' is not a valid IPv4 or IPv6 address."),
  );
  assert.throws(
    () => t.map.judge({ key: "k", value: "" }),
    refused("no value behind the key k"),
  );
});

Deno.test("ConfiguredTable does as a plain Map does, over any sequence of changes and restarts", async () => {
  for (let seed = 0; seed < 20; seed++) {
    await using t = await Setting.create();
    const random = new SeededRandom(seed);
    const model = new Map(t.maps.get("m")!);
    const some = () =>
      new Map(
        Array.from({ length: random.below(4) }, () => [
          random.pick(["x", "y", "z", "__proto__"]),
          String(random.below(3)),
        ]),
      );
    for (let step = 0; step < 25; step++) {
      const { map } = t;
      const entries = some();
      switch (random.below(5)) {
        case 0:
        case 1:
          await map.merge(entries, "ops");
          for (const entry of entries) model.set(...entry);
          break;
        case 2: {
          const key = random.pick(["x", "y", "z", "__proto__"]);
          assert.equal(await map.remove(key, "ops"), model.delete(key));
          break;
        }
        case 3:
          await map.replace(entries, "ops");
          model.clear();
          for (const entry of entries) model.set(...entry);
          break;
        case 4:
          await t.start();
          break;
      }
      const found = await Array.fromAsync(t.map.entries());
      const pairs = found.map(({ key, value }) => [key, value] as const);
      assert.deepEqual(new Map(pairs), model, `seed ${seed} step ${step}`);
    }
  }
});

Deno.test("An override of a long table is listed by its length", async () => {
  await using t = await Setting.create();
  const ranges = Array.from(
    { length: 300 },
    (_, i) => `10.0.${i >> 8}.${i & 255}`,
  );
  await t.acl.replace(new Map(ranges.map((range) => [range, ""])), "ops");
  const [view] = t.overrides.list();
  assert.deepEqual(view!.value, { entries: 300 });
  assert.equal(view!.state, "in-force");
  assert.equal((view!.configured as { entries: number }).entries, 2);
});
