/** Mappings in a real PostgreSQL. */
import assert from "node:assert/strict";
import { mappingStoreConformance } from "../conformance/mapping_store.ts";
import {
  sqlServerConformance,
  type SqlServerStage,
} from "../conformance/sql_server.ts";
import {
  emptySqlStore,
  sqlStoreConformance,
} from "../conformance/sql_store.ts";
import { DATABASE, DATABASE_USER, Postgres } from "../support/postgres.ts";
import { absent, needs } from "../support/requirements.ts";
import { openSqlStore } from "../support/sql_store.ts";
import { storePage } from "../support/store_page.ts";
import {
  assertClearModes,
  assertTlsModes,
  assertTlsRecovery,
  tlsGround,
} from "../support/tls_server_cases.ts";

const NEEDS = ["postgres"];
const page = await storePage("postgresql");

/** A server with the table of the documentation's example. */
async function start(): Promise<Postgres> {
  const postgres = await Postgres.start();
  await postgres.sql(page.table);
  return postgres;
}

/** One for all tests that leave it running. */
let postgres: Postgres;

Deno.test.beforeAll(async () => {
  if (absent(NEEDS).length === 0) postgres = await start();
});
Deno.test.afterAll(async () => {
  await postgres?.[Symbol.asyncDispose]();
});

function stageOf(postgres: Postgres): SqlServerStage {
  return {
    page,
    server: postgres.server,
    url: postgres.url(),
    urlWith(change) {
      const url = new URL(postgres.url());
      change(url);
      return url.href;
    },
    placeholder: "$1",
    sql: (statements) => postgres.sql(statements),
    bytes: (hex) => `'\\x${hex}'::bytea`,
    wrongTable: /relation "(?:not_there|for_a_while)" does not exist/,
    slowQuery:
      "SELECT 'new' FROM pg_sleep(CASE $1 WHEN 'alice@example.com' THEN 60 ELSE 0 END)",
    async connections() {
      const rows = await postgres.superuser(
        `SELECT state, query FROM pg_stat_activity WHERE usename = '${DATABASE_USER}';`,
      );
      const lines = rows.split("\n").filter((line) => line !== "");
      const slow = lines.filter((line) => /^active.*pg_sleep/.test(line));
      return { all: lines.length, slow: slow.length };
    },
  };
}

function test(name: string, fn: () => Promise<void>): void {
  needs(NEEDS, name, fn);
}

const stage = () => stageOf(postgres);

mappingStoreConformance(
  "PostgreSQL",
  () => emptySqlStore(stage()),
  { programs: NEEDS },
);
sqlStoreConformance("PostgreSQL", test, stage);
sqlServerConformance("PostgreSQL", test, stage, async () => {
  const own = await start();
  return {
    stage: stageOf(own),
    [Symbol.asyncDispose]: () => own[Symbol.asyncDispose](),
  };
});

test("PostgreSQL: sslmode decides about TLS and the certificate", async () => {
  await using ground = await tlsGround();
  const { certificate, misnamed } = ground;
  await using server = await Postgres.start({ certificate });
  await using other = await Postgres.start({ certificate: misnamed });
  for (const each of [server, other]) await each.sql(page.table);
  await assertTlsModes(
    ground,
    page,
    { url: (parameters) => server.url(parameters) },
    { url: (parameters) => other.url(parameters) },
  );
  await assertTlsRecovery(ground, page, server);
  await assertClearModes(page, {
    url: (parameters) => postgres.url(parameters),
  });
});

test("PostgreSQL: over its UNIX socket", async () => {
  const { folder, port } = postgres.server;
  await using opened = await openSqlStore({
    url: `postgresql://${DATABASE_USER}@:${port}/${DATABASE}?host=${folder}`,
    queries: page.queries,
  });
  assert.deepEqual(opened.told, []);
  await opened.store.set("alice@example.com", "new");
});

test("PostgreSQL: a user without the right to read is a store that is down", async () => {
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

test("PostgreSQL: a value of an account is in no message", async () => {
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

test("PostgreSQL: a function may store mappings, and columns may hold bytes", async () => {
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

test("PostgreSQL: nothing named is left at the server, as poolers want it", async () => {
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
