/** Imports, exports and moves with the mappings in real servers. */
import assert from "node:assert/strict";
import { MariaDb } from "../support/mariadb.ts";
import { Postgres } from "../support/postgres.ts";
import type { Table } from "../support/proxy_config.ts";
import { RedisServer } from "../support/redis.ts";
import { RedisCluster } from "../support/redis_cluster.ts";
import { needs } from "../support/requirements.ts";
import { SqliteFile } from "../support/sqlite.ts";
import { Stage } from "../support/stage.ts";
import { storePage } from "../support/store_page.ts";
import {
  ODD_IDENTIFIERS,
  REFUSED_IDENTIFIERS,
  whereIs,
} from "../support/store_stage.ts";

interface Started extends AsyncDisposable {
  readonly mapping: Table;
  /** From now on the server refuses a mapping of `REFUSED`; absent where it cannot. */
  refuse?(): Promise<unknown>;
}

interface Kind {
  readonly name: string;
  readonly needs: readonly string[];
  start(): Promise<Started>;
}

const REFUSED = "refused@example.com";

const CHECK =
  `ALTER TABLE mailbox_routes ADD CONSTRAINT refusing CHECK (identifier <> '${REFUSED}');`;
const TRIGGER =
  `CREATE TRIGGER refusing BEFORE INSERT ON mailbox_routes WHEN NEW.identifier = '${REFUSED}'
   BEGIN SELECT RAISE(ABORT, 'refused'); END;`;

/** One server, or several. */
async function redis(
  start: () => Promise<RedisServer | RedisCluster>,
): Promise<Started> {
  const server = await start();
  const url = typeof server.url === "string" ? server.url : server.url();
  return {
    mapping: { source: "redis", redis: { url } },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

async function sql(
  page: Parameters<typeof storePage>[0],
  start: () => Promise<Postgres | MariaDb | SqliteFile>,
  refusing = CHECK,
): Promise<Started> {
  const { table, queries } = await storePage(page);
  const server = await start();
  await server.sql(table);
  return {
    mapping: { source: "sql", sql: { url: server.url(), ...queries } },
    refuse: async () => await server.sql(refusing),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

const KINDS: readonly Kind[] = [
  {
    name: "Redis",
    needs: ["redis-server", "redis-cli"],
    start: () => redis(() => RedisServer.start()),
  },
  {
    name: "Redis Cluster",
    needs: ["redis-server", "redis-cli"],
    start: () => redis(() => RedisCluster.start(3)),
  },
  {
    name: "PostgreSQL",
    needs: ["postgres"],
    start: () => sql("postgresql", () => Postgres.start()),
  },
  {
    name: "MariaDB",
    needs: ["mariadbd"],
    start: () => sql("mysql", () => MariaDb.start()),
  },
  {
    name: "SQLite",
    needs: [],
    start: () => sql("sqlite", () => SqliteFile.create(""), TRIGGER),
  },
];

const rows = (count: number, destination: string) =>
  Array.from(
    { length: count },
    (_, i) => `user${String(i).padStart(5, "0")}@example.com\t${destination}\n`,
  );

async function importRows({ proxy }: Stage, query: string, text: string) {
  const { status, body } = await proxy.admin(
    "POST",
    `/mappings/import?format=tsv${query}`,
    { body: text },
  );
  return { status, ...JSON.parse(body) };
}

const exported = async ({ proxy }: Stage) =>
  (await proxy.ask("GET", "/mappings/export?format=tsv"))
    .split(/(?<=\n)/).sort();

for (const kind of KINDS) {
  needs(
    kind.needs,
    `${kind.name}: thousands of mappings go in, come out, move and move back`,
    async () => {
      await using store = await kind.start();
      await using stage = await Stage.create({
        config: { mapping: store.mapping },
      });
      const old = rows(5000, "old");
      const first = await importRows(stage, "", old.join(""));
      assert.deepEqual([first.status, first.written], [200, 5000]);
      assert.deepEqual(await exported(stage), old);
      assert.equal(await whereIs(stage, "user00007@example.com"), "old");
      const some = await importRows(
        stage,
        "&mode=best-effort",
        rows(2500, "new").join("") + "bad\n",
      );
      assert.deepEqual(
        [some.status, some.written, some.bad_lines],
        [200, 2500, 1],
      );
      assert.equal(await whereIs(stage, "user00007@example.com"), "new");
      const now = [...rows(2500, "new"), ...old.slice(2500)];
      assert.deepEqual(await exported(stage), now);

      const accounts = old.slice(2000, 4000).map((row) => ({
        identifier: row.split("\t")[0]!,
      }));
      const moved = await stage.proxy.admin("POST", "/accounts/move", {
        body: JSON.stringify({ accounts, destination: "new" }),
      });
      assert.equal(moved.status, 200, moved.body.slice(0, 500));
      assert.equal(await whereIs(stage, "user03999@example.com"), "new");
      assert.equal(await whereIs(stage, "user04000@example.com"), "old");
      const { change } = JSON.parse(moved.body);
      await stage.proxy.ask("POST", `/accounts/move/${change}/undo`);
      assert.equal(await whereIs(stage, "user03999@example.com"), "old");
      assert.deepEqual(await exported(stage), now);

      if (!store.refuse) return;
      await store.refuse();
      const wave = rows(3000, "old");
      wave.splice(1500, 0, `${REFUSED}\told\n`);
      const failed = await importRows(stage, "", wave.join(""));
      assert.deepEqual([failed.status, failed.written], [500, 0]);
      assert.match(failed.problem, /what was written is put back$/);
      assert.deepEqual(await exported(stage), now);
      const effort = await importRows(
        stage,
        "&mode=best-effort",
        wave.join(""),
      );
      assert.deepEqual([effort.status, effort.written], [200, 3000]);
      assert.deepEqual(
        effort.errors.map(({ line }: { line: number }) => line),
        [1501],
      );
      assert.deepEqual(await exported(stage), old);
    },
  );

  needs(
    kind.needs,
    `${kind.name}: odd names are imported as they are, or not at all`,
    async () => {
      await using store = await kind.start();
      // Without a separator of master users a % is part of the identifier.
      await using stage = await Stage.create({
        config: {
          mapping: store.mapping,
          routing: { master_user_separators: [] },
        },
      });
      const lines = [...ODD_IDENTIFIERS, ...REFUSED_IDENTIFIERS].map((
        identifier,
      ) => JSON.stringify({ identifier, destination: "new" }));
      const { status, body } = await stage.proxy.admin(
        "POST",
        "/mappings/import?format=ndjson&mode=best-effort",
        { body: lines.join("\n") },
      );
      const { written, errors } = JSON.parse(body);
      assert.deepEqual([status, written], [200, ODD_IDENTIFIERS.length]);
      assert.deepEqual(
        errors.map(({ line }: { line: number }) => line),
        REFUSED_IDENTIFIERS.map((_, i) => ODD_IDENTIFIERS.length + i + 1),
      );
      const out = await stage.proxy.ask("GET", "/mappings/export");
      assert.deepEqual(
        out.trimEnd().split("\n").sort(),
        lines.slice(0, ODD_IDENTIFIERS.length).sort(),
      );
      assert.equal(await whereIs(stage, "o'brien@example.com"), "new");
    },
  );
}
