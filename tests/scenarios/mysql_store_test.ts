/** Mappings in a real MariaDB, by the protocol of MySQL. */
import assert from "node:assert/strict";
import { sqlSuite } from "../conformance/sql_suite.ts";
import { MariaDb } from "../support/mariadb.ts";
import {
  DATABASE,
  DATABASE_PASSWORD,
  DATABASE_USER,
} from "../support/postgres.ts";
import { openSqlStore } from "../support/sql_store.ts";
import { storePage } from "../support/store_page.ts";

const page = await storePage("mysql");

const test = sqlSuite<MariaDb>({
  name: "MariaDB",
  needs: ["mariadbd"],
  page,
  start: (options) => MariaDb.start(options),
  placeholder: "?",
  bytes: (hex) => `x'${hex}'`,
  wrongTable: /Table 'mail\.(?:not_there|for_a_while)' doesn't exist/,
  slowQuery:
    "SELECT IF(SLEEP(IF(? = 'alice@example.com', 60, 0)) = 0, 'new', 'late')",
  async statements(mariadb) {
    const rows = await mariadb.sql(
      `SELECT IFNULL(INFO, '') FROM information_schema.PROCESSLIST WHERE USER = '${DATABASE_USER}';`,
    );
    return rows.split("\n").slice(0, -1);
  },
  isSlow: (statement) => statement.includes("SLEEP"),
});

test("over its UNIX socket", async (mariadb) => {
  await using opened = await openSqlStore({
    url: `mysql://${DATABASE_USER}:${encodeURIComponent(DATABASE_PASSWORD)}` +
      `@localhost/${DATABASE}?socket=${mariadb.socket}`,
    queries: page.queries,
  });
  assert.deepEqual(opened.told, []);
  await opened.store.set("alice@example.com", "new");
});

test("a procedure may find the destination", async (mariadb) => {
  const url = mariadb.url();
  await mariadb.sql(
    "CREATE PROCEDURE route(IN who varchar(320)) SELECT CONCAT('to-', who);",
  );
  await using opened = await openSqlStore({
    url,
    queries: { query: "CALL route(?)" },
  });
  assert.deepEqual(opened.told, []);
  assert.equal(await opened.store.get("alice"), "to-alice");
});

test("a procedure may store many mappings, which it cannot take in bulk", async (mariadb) => {
  const url = mariadb.url();
  await mariadb.sql(
    `DELETE FROM mailbox_routes; CREATE PROCEDURE put_route(IN who varchar(320), IN place varchar(255))
     REPLACE INTO mailbox_routes VALUES (who, place);`,
  );
  await using opened = await openSqlStore({
    url,
    queries: { ...page.queries, upsert_query: "CALL put_route(?, ?)" },
  });
  assert.deepEqual(opened.told, []);
  const accounts = Array.from({ length: 100 }, (_, i) => `user${i}`);
  await opened.store.write(new Map(accounts.map((each) => [each, "new"])));
  assert.deepEqual(
    await opened.store.getMany!(accounts),
    accounts.map(() => "new"),
  );
});

test("identifiers in a binary column", async (mariadb) => {
  const url = mariadb.url();
  await mariadb.sql(
    page.table.replace("mailbox_routes", "binary_routes").replaceAll(
      /varchar\((\d+)\) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin/g,
      "varbinary($1)",
    ),
  );
  const queries = Object.fromEntries(
    Object.entries(page.queries).map(([name, statement]) => [
      name,
      statement.replaceAll("mailbox_routes", "binary_routes"),
    ]),
  ) as typeof page.queries;
  await using opened = await openSqlStore({ url, queries });
  await opened.store.set("jürgen@example.com", "new");
  assert.equal(await opened.store.get("jürgen@example.com"), "new");
  assert.deepEqual((await opened.store.list(null, 5)).mappings, [
    { identifier: "jürgen@example.com", destination: "new" },
  ]);
});
