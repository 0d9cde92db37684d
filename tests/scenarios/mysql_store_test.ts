/** Mappings in a real MariaDB, by the protocol of MySQL. */
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
import { MariaDb } from "../support/mariadb.ts";
import {
  DATABASE,
  DATABASE_PASSWORD,
  DATABASE_USER,
} from "../support/postgres.ts";
import { absent, needs } from "../support/requirements.ts";
import { openSqlStore } from "../support/sql_store.ts";
import { storePage } from "../support/store_page.ts";
import {
  assertClearModes,
  assertTlsModes,
  assertTlsRecovery,
  tlsGround,
} from "../support/tls_server_cases.ts";

const NEEDS = ["mariadbd"];
const page = await storePage("mysql");

/** A server with the table of the documentation's example. */
async function start(): Promise<MariaDb> {
  const mariadb = await MariaDb.start();
  await mariadb.sql(page.table);
  return mariadb;
}

/** One for all tests that leave it running. */
let mariadb: MariaDb;

Deno.test.beforeAll(async () => {
  if (absent(NEEDS).length === 0) mariadb = await start();
});
Deno.test.afterAll(async () => {
  await mariadb?.[Symbol.asyncDispose]();
});

function stageOf(mariadb: MariaDb): SqlServerStage {
  return {
    page,
    server: mariadb.server,
    url: mariadb.url(),
    urlWith(change) {
      const url = new URL(mariadb.url());
      change(url);
      return url.href;
    },
    placeholder: "?",
    sql: (statements) => mariadb.sql(statements),
    bytes: (hex) => `x'${hex}'`,
    wrongTable: /Table 'mail\.(?:not_there|for_a_while)' doesn't exist/,
    slowQuery:
      "SELECT IF(SLEEP(IF(? = 'alice@example.com', 60, 0)) = 0, 'new', 'late')",
    async connections() {
      const rows = await mariadb.sql(
        `SELECT IFNULL(INFO, '') FROM information_schema.PROCESSLIST WHERE USER = '${DATABASE_USER}';`,
      );
      const queries = rows.split("\n").slice(0, -1);
      const slow = queries.filter((query) => query.includes("SLEEP"));
      return { all: queries.length, slow: slow.length };
    },
  };
}

function test(name: string, fn: () => Promise<void>): void {
  needs(NEEDS, name, fn);
}

const stage = () => stageOf(mariadb);

mappingStoreConformance(
  "MariaDB",
  () => emptySqlStore(stage()),
  { programs: NEEDS },
);
sqlStoreConformance("MariaDB", test, stage);
sqlServerConformance("MariaDB", test, stage, async () => {
  const own = await start();
  return {
    stage: stageOf(own),
    [Symbol.asyncDispose]: () => own[Symbol.asyncDispose](),
  };
});

test("MariaDB: sslmode decides about TLS and the certificate", async () => {
  await using ground = await tlsGround();
  const { certificate, misnamed } = ground;
  await using server = await MariaDb.start({ certificate });
  await using other = await MariaDb.start({ certificate: misnamed });
  for (const each of [server, other]) await each.sql(page.table);
  await assertTlsModes(
    ground,
    page,
    { url: (parameters) => server.url(parameters) },
    { url: (parameters) => other.url(parameters) },
  );
  await assertTlsRecovery(ground, page, server);
  await assertClearModes(page, {
    url: (parameters) => mariadb.url(parameters),
  });
});

test("MariaDB: over its UNIX socket", async () => {
  await using opened = await openSqlStore({
    url: `mysql://${DATABASE_USER}:${encodeURIComponent(DATABASE_PASSWORD)}` +
      `@localhost/${DATABASE}?socket=${mariadb.socket}`,
    queries: page.queries,
  });
  assert.deepEqual(opened.told, []);
  await opened.store.set("alice@example.com", "new");
});

test("MariaDB: a procedure may find the destination", async () => {
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

test("MariaDB: a procedure may store many mappings, which it cannot take in bulk", async () => {
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

test("MariaDB: identifiers in a binary column", async () => {
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
