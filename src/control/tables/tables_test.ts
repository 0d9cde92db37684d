import assert from "node:assert/strict";
import {
  MemoryTable,
  memoryTables,
} from "../../../tests/support/memory_table.ts";
import { ControlError } from "../api.ts";
import type { TableEntry } from "../api_tables.ts";
import { Room } from "./versions.ts";

const BY = { by: "ops" };

const entry = (key: string, value = "") => ({ key, value });

async function content(entries: AsyncIterable<TableEntry>) {
  const found = await Array.fromAsync(entries);
  return found.map(({ key, value }) => `${key}=${value}`).join(" ");
}

const refused = (message: string) => (error: unknown) =>
  error instanceof ControlError && error.message === message;

Deno.test("Tables.commit replaces everything at once, and nobody sees a version before", async () => {
  const table = new MemoryTable("m", new Map([["old", "1"]]));
  const maps = memoryTables("map", () => [table]);
  assert.equal(maps.prepare("m"), 1);
  assert.equal(maps.prepare("m"), 2);
  await maps.add("m", [entry("a", "1"), entry("b", "2")], {
    ...BY,
    version: 2,
  });
  await maps.add("m", [entry("c", "3")], { ...BY, version: 1 });
  assert.equal(await content(maps.entries("m")), "old=1");
  assert.equal(await content(maps.entries("m", 0)), "old=1");
  assert.equal(await content(maps.entries("m", 2)), "a=1 b=2");
  assert.equal(await content(maps.entries("m", 9)), "");
  assert.equal(await maps.find("m", "a"), null);
  assert.equal((await maps.tables())[0]!.entries, 4);
  await maps.commit("m", 2, "ops");
  assert.equal(await content(maps.entries("m")), "a=1 b=2");
  assert.equal(await content(maps.entries("m", 1)), "");
  assert.deepEqual(await maps.tables(), [{
    number: 0,
    name: "m",
    description: "in memory",
    current: 2,
    next: 2,
    entries: 2,
  }]);
  await assert.rejects(
    maps.commit("m", 1, "ops"),
    refused("Version number out of range."),
  );
});

Deno.test("Tables takes the version in force for what is in force", async () => {
  const table = new MemoryTable("m", new Map([["old", "1"]]));
  const maps = memoryTables("map", () => [table]);
  await maps.add("m", [entry("a", "1")], { ...BY, version: 0 });
  assert.equal(await content(maps.entries("m")), "old=1 a=1");
  await maps.clear("m", { ...BY, version: 7 });
  assert.equal(table.content.size, 2);
  await maps.clear("m", { ...BY, version: 0 });
  assert.equal(table.content.size, 0);
});

Deno.test("Tables.add takes all entries or none", async () => {
  const fault = ({ key }: TableEntry) => key === "bad" ? "a bad key" : null;
  const table = new MemoryTable("m", new Map(), fault);
  const maps = memoryTables("map", () => [table]);
  maps.prepare("m");
  const entries = [entry("a", "1"), entry("bad", "1")];
  for (const version of [undefined, 1]) {
    await assert.rejects(
      maps.add("m", entries, { ...BY, version }),
      refused("a bad key"),
    );
  }
  assert.equal(table.content.size, 0);
  assert.equal(await content(maps.entries("m", 1)), "");
});

Deno.test("Tables.commit that fails leaves the version prepared", async () => {
  const table = new MemoryTable("m", new Map([["old", "1"]]));
  const maps = memoryTables("map", () => [table]);
  maps.prepare("m");
  await maps.add("m", [entry("a", "1")], { ...BY, version: 1 });
  table.failure = new ControlError("failed", "no space left");
  await assert.rejects(maps.commit("m", 1, "ops"), refused("no space left"));
  assert.equal(await content(maps.entries("m")), "old=1");
  await maps.commit("m", 1, "ops");
  assert.equal(await content(maps.entries("m")), "a=1");
});

Deno.test("Tables keeps the number of a table, and what is prepared of one until it is gone", async () => {
  let declared = [new MemoryTable("a"), new MemoryTable("b")];
  const room = new Room({ entries: 1, characters: 100 });
  const acls = memoryTables("acl", () => declared, room);
  assert.equal(acls.prepare("#1"), 1);
  await acls.add("b", [entry("x")], { ...BY, version: 1 });
  declared = [new MemoryTable("c"), new MemoryTable("a")];
  const numbers = (await acls.tables()).map((
    { name, number },
  ) => [name, number]);
  assert.deepEqual(numbers, [["c", 2], ["a", 0]]);
  const unknown = refused(
    "Unknown ACL identifier. Please use #<id> or <file>.",
  );
  for (const name of ["b", "#1", "#7", "", "#", "constructor"]) {
    await assert.rejects(acls.find(name, "x"), unknown, name);
    assert.throws(() => acls.prepare(name), unknown, name);
  }
  // Its room is free again.
  acls.prepare("a");
  await acls.add("#0", [entry("y")], { ...BY, version: 1 });
});
