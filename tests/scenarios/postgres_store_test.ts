/** Mappings in a real PostgreSQL. */
import assert from "node:assert/strict";
import { sqlSuite } from "../conformance/sql_suite.ts";
import { DATABASE, DATABASE_USER, Postgres } from "../support/postgres.ts";
import { openSqlStore } from "../support/sql_store.ts";
import { storePage } from "../support/store_page.ts";

const page = await storePage("postgresql");

const test = sqlSuite<Postgres>({
  name: "PostgreSQL",
  needs: ["postgres"],
  page,
  start: (options) => Postgres.start(options),
  placeholder: "$1",
  bytes: (hex) => `'\\x${hex}'::bytea`,
  wrongTable: /relation "(?:not_there|for_a_while)" does not exist/,
  slowQuery:
    "SELECT 'new' FROM pg_sleep(CASE $1 WHEN 'alice@example.com' THEN 60 ELSE 0 END)",
  async statements(postgres) {
    const rows = await postgres.superuser(
      `SELECT state, query FROM pg_stat_activity WHERE usename = '${DATABASE_USER}';`,
    );
    return rows.split("\n").filter((line) => line !== "");
  },
  isSlow: (statement) => /^active.*pg_sleep/.test(statement),
});

test("over its UNIX socket", async (postgres) => {
  const { folder, port } = postgres.server;
  await using opened = await openSqlStore({
    url: `postgresql://${DATABASE_USER}@:${port}/${DATABASE}?host=${folder}`,
    queries: page.queries,
  });
  assert.deepEqual(opened.told, []);
  await opened.store.set("alice@example.com", "new");
});

test("a user without the right to read is a store that is down", async (postgres) => {
  const url = postgres.url();
  await postgres.sql(`REVOKE SELECT ON mailbox_routes FROM ${DATABASE_USER};`);
  try {
    await using opened = await openSqlStore({ url, queries: page.queries });
    assert.match(
      opened.store.health().problem!,
      /permission denied for table mailbox_routes/,
    );
  } finally {
    await postgres.sql(`GRANT SELECT ON mailbox_routes TO ${DATABASE_USER};`);
  }
});

test("a value of an account is in no message", async (postgres) => {
  const url = postgres.url();
  await using opened = await openSqlStore({
    url,
    queries: { query: "SELECT 'new' WHERE $1::text::int = 7" },
  });
  await assert.rejects(opened.store.get("alice@example.com"), {
    code: "bad-data",
    message: 'invalid input syntax for type integer: "[...]"',
  });
});

test("a function may store mappings, and columns may hold bytes", async (postgres) => {
  const url = postgres.url();
  await postgres.sql(
    `CREATE TABLE byte_routes (identifier bytea PRIMARY KEY, destination bytea NOT NULL);
     CREATE FUNCTION put_route(bytea, bytea) RETURNS text LANGUAGE sql AS
     $$INSERT INTO byte_routes VALUES ($1, $2) RETURNING 'done'$$;`,
  );
  await using opened = await openSqlStore({
    url,
    queries: {
      query: "SELECT destination FROM byte_routes WHERE identifier = $1",
      upsert_query: "SELECT put_route($1, $2)",
      delete_query: "DELETE FROM byte_routes WHERE identifier = $1",
    },
  });
  assert.deepEqual(opened.told, []);
  const accounts = Array.from({ length: 100 }, (_, i) => `back\\slash ü ${i}`);
  await opened.store.write(new Map(accounts.map((each) => [each, "new"])));
  assert.equal(await opened.store.get(accounts[7]!), "new");
  assert.deepEqual(
    await opened.store.getMany!([...accounts, "nobody"]),
    [...accounts.map(() => "new"), null],
  );
});

test("nothing named is left at the server, as poolers want it", async (postgres) => {
  const url = postgres.url();
  await using opened = await openSqlStore({
    url,
    poolSize: 1,
    queries: {
      query: "SELECT count(*)::text || $1 FROM pg_prepared_statements",
    },
  });
  for (let i = 0; i < 3; i++) assert.equal(await opened.store.get("x"), "0x");
});
