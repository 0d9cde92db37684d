/** The proxy with its mappings in a database, and what happens to that database. */
import assert from "node:assert/strict";
import { Mailferry } from "../support/mailferry.ts";
import type { Table } from "../support/proxy_config.ts";
import { absent, needs } from "../support/requirements.ts";
import {
  type Database,
  SQL_SERVERS,
  type SqlServerKind,
} from "../support/sql_servers.ts";
import { SqliteFile } from "../support/sqlite.ts";
import { ALICE, BOB, Stage } from "../support/stage.ts";
import { type StorePage, storePage } from "../support/store_page.ts";
import {
  ODD_IDENTIFIERS,
  readyz,
  REFUSED_IDENTIFIERS,
  whereIs,
} from "../support/store_stage.ts";
import { until } from "../support/wait.ts";

/** A server with the table of the example. */
async function database({ page, start }: SqlServerKind): Promise<Database> {
  const started = await start();
  await started.sql(page.table);
  return fresh(started);
}

/** Two accounts are in its table; alice's is the default destination too. */
async function fresh(store: Database): Promise<Database> {
  await store.sql(
    `DELETE FROM mailbox_routes; INSERT INTO mailbox_routes VALUES ('${ALICE}', 'old'), ('${BOB}', 'new');`,
  );
  return store;
}

const mapping = (page: StorePage, url: string, more: Table = {}): Table => ({
  mapping: {
    source: "sql",
    normalize: "lowercase",
    sql: { url, ...page.queries },
    ...more,
  },
});

for (const kind of SQL_SERVERS) {
  const { page } = kind;
  /** For all tests that leave it running. */
  let shared: Database;
  Deno.test.beforeAll(async () => {
    if (absent(kind.needs).length === 0) shared = await database(kind);
  });
  Deno.test.afterAll(async () => {
    await shared?.[Symbol.asyncDispose]();
  });

  needs(
    kind.needs,
    `${kind.name}: accounts are where the table says, and the API changes it`,
    async () => {
      const store = await fresh(shared);
      await using stage = await Stage.create({
        config: mapping(page, store.url()),
      });
      assert.equal(await whereIs(stage, ALICE), "old");
      assert.equal(await whereIs(stage, BOB), "new");
      assert.equal(await whereIs(stage, "nobody@example.com"), "old");
      await stage.proxy.move(ALICE, "new");
      assert.equal(await whereIs(stage, ALICE), "new");
      const query = new URLSearchParams({ identifier: BOB });
      assert.equal(
        await stage.proxy.ask("DELETE", `/mappings?${query}`),
        "removed\n",
      );
      assert.equal(
        await stage.proxy.ask("DELETE", `/mappings?${query}`),
        "absent\n",
      );
      assert.equal(await whereIs(stage, BOB), "old");
      await store.sql(
        "INSERT INTO mailbox_routes VALUES ('carol@example.com', 'nowhere');",
      );
      assert.equal(await whereIs(stage, "carol@example.com"), "old");
      const warned = await stage.proxy.event("undeclared_destination");
      assert.equal(warned.destination, "nowhere");
      assert.equal(await readyz(stage), "200 ok");
    },
  );

  needs(
    kind.needs,
    `${kind.name}: identifiers reach the table as they are, or not at all`,
    async () => {
      const store = await fresh(shared);
      // Without a separator of master users a % is part of the identifier.
      await using stage = await Stage.create({
        config: {
          ...mapping(page, store.url()),
          routing: { master_user_separators: [] },
        },
      });
      for (const identifier of ODD_IDENTIFIERS) {
        await stage.proxy.move(identifier, "new");
        const query = new URLSearchParams({ identifier });
        const found = JSON.parse(
          await stage.proxy.ask("GET", `/mappings?${query}`),
        );
        assert.equal(found.destination, "new", identifier);
      }
      for (const identifier of REFUSED_IDENTIFIERS) {
        const { status } = await stage.proxy.admin(
          "PUT",
          `/mappings?destination=new&identifier=${
            encodeURIComponent(identifier)
          }`,
        );
        assert.equal(status, 400, identifier);
      }
      assert.equal(
        String(await store.sql("SELECT count(*) FROM mailbox_routes;")).trim(),
        String(ODD_IDENTIFIERS.length + 2),
      );
    },
  );

  needs(
    kind.needs,
    `${kind.name}: killed in the middle of logins, nobody is refused, and it is used again when it is back`,
    async () => {
      await using store = await database(kind);
      await using stage = await Stage.create({
        config: mapping(page, store.url()),
      });
      assert.equal(await whereIs(stage, BOB), "new");
      let crashed = false;
      const seen: string[] = [];
      const traffic = (async () => {
        for (let i = 0; i < 5 || !crashed; i++) {
          seen.push(await whereIs(stage, `user${i}@example.com`));
        }
      })();
      await until("some logins", () => seen.length > 2);
      await store.server.crash();
      crashed = true;
      await traffic;
      assert.deepEqual([...new Set(seen)], ["old"]);
      assert.equal(await whereIs(stage, BOB), "new", "known, so it counts");
      assert.equal(await whereIs(stage, "later@example.com"), "old");
      await stage.proxy.event("store_down");
      assert.match(
        await readyz(stage),
        /^200 ok\nthe mapping store cannot be asked: /,
      );
      assert.match(
        await stage.proxy.ask("GET", "/metrics"),
        /^mailferry_store_up 0$/m,
      );
      const query = new URLSearchParams({
        identifier: ALICE,
        destination: "new",
      });
      const write = await stage.proxy.admin("PUT", `/mappings?${query}`);
      assert.equal(write.status, 500);
      await store.server.resurrect();
      await stage.proxy.event("store_up");
      await store.sql(
        "INSERT INTO mailbox_routes VALUES ('later@example.com', 'new');",
      );
      // What was made up meanwhile counts no more.
      assert.equal(await whereIs(stage, "later@example.com"), "new");
      assert.equal(await whereIs(stage, BOB), "new");
      assert.equal(await readyz(stage), "200 ok");
    },
  );

  needs(
    kind.needs,
    `${kind.name}: while it hangs, known accounts log in, others are refused where that is asked for, and nothing piles up`,
    async () => {
      const store = await fresh(shared);
      await using stage = await Stage.create({
        config: mapping(page, store.url(), {
          lookup_timeout: "3s",
          on_store_failure: "refuse",
          positive_ttl: "1ms",
        }),
      });
      assert.equal(await whereIs(stage, BOB), "new");
      const before = stage.proxy.memory();
      await store.server.pause();
      try {
        assert.match(
          await whereIs(stage, "unknown@example.com"),
          /^\[UNAVAILABLE\]/,
        );
        assert.equal(await whereIs(stage, BOB), "new", "the last known answer");
        for (let i = 0; i < 200; i++) {
          const query = new URLSearchParams({ identifier: `user${i}@x` });
          const { status } = await stage.proxy.admin(
            "GET",
            `/mappings?${query}`,
          );
          assert.equal(status, 500);
        }
        const grown = stage.proxy.memory() - before;
        assert.ok(grown < 60_000, `${grown} KiB`);
      } finally {
        store.server.resume();
      }
      await stage.proxy.event("store_up");
      assert.equal(await whereIs(stage, "unknown@example.com"), "old");
      assert.equal(await whereIs(stage, BOB), "new");
    },
  );

  needs(
    kind.needs,
    `${kind.name}: a write that waits for somebody else's lock fails alone`,
    async () => {
      await using store = await database(kind);
      await using stage = await Stage.create({
        config: mapping(page, store.url()),
      });
      const row =
        `FROM mailbox_routes WHERE identifier = '${ALICE}' FOR UPDATE`;
      const locking = store.sql(`BEGIN; SELECT * ${row}; ${kind.sleep};`)
        .catch(() => {});
      await until(
        "the lock",
        async () =>
          await store.sql(`SELECT identifier ${row} SKIP LOCKED;`) === "",
      );
      const query = new URLSearchParams({
        identifier: ALICE,
        destination: "new",
      });
      const write = await stage.proxy.admin("PUT", `/mappings?${query}`);
      assert.equal(write.status, 500);
      assert.equal(
        write.body,
        "the mapping store: no answer within 5000 ms\n",
      );
      assert.equal(await readyz(stage), "200 ok");
      assert.equal(await whereIs(stage, BOB), "new");
      assert.equal(await whereIs(stage, ALICE), "old");
      assert.equal(stage.proxy.count("store_down"), 0);
      await store.server.crash();
      await locking;
    },
  );

  needs(
    kind.needs,
    `${kind.name}: down or misconfigured at the start, it stops nothing and says what is wrong`,
    async () => {
      await using store = await database(kind);
      const query = page.queries.query.replace("destination", "destinatio");
      const said = async (config: Table) => {
        await using stage = await Stage.create({ config });
        const { reason } = await stage.proxy.event("store_down");
        assert.equal(
          await readyz(stage),
          `200 ok\nthe mapping store cannot be asked: ${reason}`,
        );
        assert.equal(await whereIs(stage, BOB), "old");
        assert.doesNotMatch(JSON.stringify(stage.proxy.log), /wrong-password/);
        return String(reason);
      };
      const wrongQuery = mapping({
        ...page,
        queries: { ...page.queries, query },
      }, store.url());
      assert.match(await said(wrongQuery), /^query: .*destinatio/);
      assert.equal(
        await said(mapping(page, store.url("", "wrong-password"))),
        "the login is refused: wrong user or password",
      );
      await store.server.crash();
      await using stage = await Stage.create({
        config: mapping(page, store.url()),
      });
      const { reason } = await stage.proxy.event("store_down");
      assert.equal(reason, "connection refused");
      assert.equal(await whereIs(stage, BOB), "old");
      await store.server.resurrect();
      await stage.proxy.event("store_up");
      assert.equal(await whereIs(stage, BOB), "new");
    },
  );
}

const sqlite = await storePage("sqlite");

Deno.test("SQLite: served by the built file, changed by the API and by others", async () => {
  await using file = await SqliteFile.create(sqlite.table);
  file.sql(`INSERT INTO mailbox_routes VALUES ('${BOB}', 'new')`);
  await using stage = await Stage.create({
    config: mapping(sqlite, file.url()),
  });
  assert.equal(await whereIs(stage, BOB), "new");
  await stage.proxy.move(ALICE, "new");
  assert.equal(await whereIs(stage, ALICE), "new");
  file.sql("INSERT INTO mailbox_routes VALUES ('carol@example.com', 'new')");
  assert.equal(await whereIs(stage, "carol@example.com"), "new");
  assert.equal(await readyz(stage), "200 ok");
});

Deno.test("SQLite: a locked file holds nobody up who is known, and is used again once it is free", async () => {
  await using file = await SqliteFile.create(
    sqlite.table.replace("WAL", "DELETE"),
  );
  file.sql(`INSERT INTO mailbox_routes VALUES ('${BOB}', 'new')`);
  await using stage = await Stage.create({
    config: mapping(sqlite, file.url(), { lookup_timeout: "3s" }),
  });
  assert.equal(await whereIs(stage, BOB), "new");
  const other = file.open();
  try {
    other.exec("BEGIN EXCLUSIVE");
    const unknown = whereIs(stage, ALICE);
    assert.equal(await whereIs(stage, BOB), "new");
    assert.equal(await unknown, "old");
    const { reason } = await stage.proxy.event("store_down");
    assert.equal(reason, "the database file is locked");
    other.exec("COMMIT");
  } finally {
    other.close();
  }
  await stage.proxy.event("store_up");
  await stage.proxy.move(ALICE, "new");
});

Deno.test("SQLite: a file for reading only answers 501 to writes", async () => {
  await using file = await SqliteFile.create(sqlite.table);
  await using stage = await Stage.create({
    config: mapping(sqlite, file.url("?mode=ro")),
  });
  const query = new URLSearchParams({ identifier: ALICE });
  for (
    const [method, more] of [["PUT", "&destination=new"], ["DELETE", ""]]
  ) {
    const path = `/mappings?${query}${more}`;
    assert.equal((await stage.proxy.admin(method!, path)).status, 501, method!);
  }
});

Deno.test("SQLite: an address that cannot be understood is a configuration that does not validate", async () => {
  await using proxy = await Mailferry.spawn({
    config: mapping(sqlite, "sqlite://"),
  });
  const { code } = await proxy.exited;
  assert.equal(code, 78);
});

needs(
  ["mount"],
  "SQLite: a full disk refuses a write, and lookups go on",
  async () => {
    const folder = await Deno.makeTempDir();
    const run = async (...command: string[]) => {
      const [program, ...args] = command;
      const { success } = await new Deno.Command(program!, { args }).output();
      assert.ok(success, command.join(" "));
    };
    await run("mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", folder);
    try {
      await using file = await SqliteFile.create(sqlite.table);
      file.sql(`INSERT INTO mailbox_routes VALUES ('${BOB}', 'new')`);
      file.sql("PRAGMA journal_mode = DELETE");
      await Deno.copyFile(file.path, `${folder}/routes.db`);
      await using stage = await Stage.create({
        config: mapping(sqlite, `sqlite://${folder}/routes.db`),
      });
      await run(
        "sh",
        "-c",
        `cat /dev/zero > ${folder}/filling 2>/dev/null; test -s ${folder}/filling`,
      );
      const query = new URLSearchParams({
        identifier: ALICE,
        destination: "new",
      });
      const refused = await stage.proxy.admin("PUT", `/mappings?${query}`);
      assert.equal(refused.status, 500);
      assert.match(refused.body, /full/);
      assert.equal(await whereIs(stage, BOB), "new");
      assert.equal(await readyz(stage), "200 ok");
      await Deno.remove(`${folder}/filling`);
      await stage.proxy.move(ALICE, "new");
      assert.equal(await whereIs(stage, ALICE), "new");
    } finally {
      await run("umount", folder);
      await Deno.remove(folder);
    }
  },
);
