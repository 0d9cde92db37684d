import assert from "node:assert/strict";
import { mappingStoreConformance } from "../../../tests/conformance/mapping_store.ts";
import {
  emptySqlStore,
  type SqlStage,
  sqlStoreConformance,
} from "../../../tests/conformance/sql_store.ts";
import { openSqlStore } from "../../../tests/support/sql_store.ts";
import { SqliteFile } from "../../../tests/support/sqlite.ts";
import { storePage } from "../../../tests/support/store_page.ts";
import { until } from "../../../tests/support/wait.ts";

const page = await storePage("sqlite");

let file: SqliteFile;
Deno.test.beforeAll(async () => {
  file = await SqliteFile.create(page.table);
});
Deno.test.afterAll(() => file[Symbol.asyncDispose]());

const stage = (): SqlStage => ({
  page,
  url: file.url(),
  placeholder: "?",
  sql: (statements) => Promise.resolve(file.sql(statements)),
  bytes: (hex) => `x'${hex}'`,
  wrongTable: /no such table: (?:not_there|for_a_while)/,
});

const open = (timeout?: number, parameters = "") =>
  openSqlStore({
    url: file.url(parameters),
    queries: page.queries,
    ...timeout !== undefined && { timeout },
  });

mappingStoreConformance("SQLite", () => emptySqlStore(stage()));
sqlStoreConformance("SQLite", (name, fn) => Deno.test(name, fn), stage);

Deno.test("SQLite: a file that somebody writes to is read meanwhile", async () => {
  await using opened = await open();
  await opened.store.set("alice@example.com", "old");
  const other = file.open();
  try {
    other.exec("BEGIN IMMEDIATE; UPDATE mailbox_routes SET destination='new'");
    assert.equal(await opened.store.get("alice@example.com"), "old");
    other.exec("COMMIT");
    assert.equal(await opened.store.get("alice@example.com"), "new");
  } finally {
    other.close();
  }
});

Deno.test("SQLite: a locked file is a store that is down until it is unlocked, and nothing queues up", async () => {
  await using mine = await SqliteFile.create(
    page.table.replace("WAL", "DELETE"),
  );
  await using opened = await openSqlStore({
    url: mine.url(),
    queries: page.queries,
    timeout: 3000,
  });
  await opened.store.set("alice@example.com", "new");
  const other = mine.open();
  try {
    other.exec("BEGIN EXCLUSIVE");
    await assert.rejects(opened.store.get("alice@example.com"), {
      code: "unavailable",
      message: "the database file is locked",
    });
    assert.deepEqual(opened.told, ["down: the database file is locked"]);
    await Promise.all(
      Array.from(
        { length: 1000 },
        () =>
          assert.rejects(opened.store.get("alice@example.com"), {
            message: "the database file is locked",
          }),
      ),
    );
    other.exec("COMMIT");
  } finally {
    other.close();
  }
  await until("the store", () => opened.store.health().serving);
  assert.equal(await opened.store.get("alice@example.com"), "new");
});

Deno.test("SQLite: a query that does not end costs its own lookup, and threads are bounded", async () => {
  await using opened = await openSqlStore({
    url: file.url(),
    timeout: 300,
    queries: {
      // Quick for nobody, which is what is asked to see whether the database answers.
      query:
        "WITH RECURSIVE n(i, x) AS (SELECT 1, ? UNION ALL SELECT i + 1, x FROM n " +
        "WHERE i < CASE x WHEN '' THEN 1 ELSE 3000000 END) SELECT 'new' FROM n WHERE i = 3000000",
    },
  });
  const asked = Array.from(
    { length: 6 },
    () => assert.rejects(opened.store.get("alice@example.com")),
  );
  await Promise.all(asked);
  await until("the end of what was given up", async () => {
    if (!opened.store.health().serving) return false;
    return await opened.store.get("").then(() => true, () => false);
  });
});

Deno.test("SQLite: a file that takes the place of the old one is used at once", async () => {
  await using mine = await SqliteFile.create(page.table);
  mine.sql("PRAGMA journal_mode = DELETE");
  await using opened = await openSqlStore({
    url: mine.url(),
    queries: page.queries,
  });
  await opened.store.set("alice@example.com", "old");
  const next = `${mine.folder}/next.db`;
  const other = mine.open(next);
  other.exec(page.table.replace("WAL", "DELETE"));
  other.exec("INSERT INTO mailbox_routes VALUES ('alice@example.com', 'new')");
  other.close();
  await Deno.rename(next, mine.path);
  assert.equal(await opened.store.get("alice@example.com"), "new");
  await Deno.remove(mine.path);
  await assert.rejects(opened.store.get("alice@example.com"), {
    message: "there is no such database file",
  });
});

Deno.test("SQLite: mode=ro is a read-only store", async () => {
  file.sql("INSERT OR REPLACE INTO mailbox_routes VALUES ('carol', 'new')");
  await using opened = await open(undefined, "?mode=ro");
  assert.equal(opened.store.writable, false);
  assert.equal(await opened.store.get("carol"), "new");
});

Deno.test("SQLite: a file that is not there, or none of SQLite, is a store that is down", async () => {
  const folder = await Deno.makeTempDir();
  await Deno.writeTextFile(`${folder}/text`, "x".repeat(4096));
  for (
    const [name, problem] of [
      ["nothing", "there is no such database file"],
      ["text", "the file is no SQLite database"],
    ] as const
  ) {
    await using opened = await openSqlStore({
      url: `sqlite://${folder}/${name}`,
      queries: page.queries,
    });
    assert.deepEqual(opened.store.health(), { serving: false, problem });
  }
  assert.deepEqual(
    [...Deno.readDirSync(folder)].map(({ name }) => name),
    ["text"],
    "no file was made",
  );
  await Deno.remove(folder, { recursive: true });
});

Deno.test("SQLite: placeholders with numbers work, and a name in place of one says so", async () => {
  const query = (place: string) => ({
    query: `SELECT destination FROM mailbox_routes WHERE identifier = ${place}`,
  });
  await using numbered = await openSqlStore({
    url: file.url(),
    queries: query("?1"),
  });
  assert.deepEqual(numbered.told, []);
  await using named = await openSqlStore({
    url: file.url(),
    queries: query(":identifier"),
  });
  assert.match(named.store.health().problem!, /^query: takes 0 parameters/);
});
