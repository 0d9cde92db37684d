/** The disk of the server that mappings are in is full. */
import assert from "node:assert/strict";
import { Disk } from "../support/disk.ts";
import { MariaDb } from "../support/mariadb.ts";
import { Postgres } from "../support/postgres.ts";
import { merge, type Table } from "../support/proxy_config.ts";
import { RedisServer } from "../support/redis.ts";
import { needs } from "../support/requirements.ts";
import { BOB, Stage } from "../support/stage.ts";
import { storePage } from "../support/store_page.ts";
import { readyz, whereIs } from "../support/store_stage.ts";
import { until } from "../support/wait.ts";

interface Started extends AsyncDisposable {
  readonly mapping: Table;
  /** Resolves when the server has noticed, where that takes a write or two. */
  noticed?(): Promise<unknown>;
}

interface Kind {
  readonly name: string;
  readonly needs: readonly string[];
  /** Of the disk: what the server takes for itself, and some room. */
  readonly size: string;
  readonly refuses: RegExp;
  /** With bob on "new". */
  start(folder: string): Promise<Started>;
}

async function sql(
  page: Parameters<typeof storePage>[0],
  start: () => Promise<Postgres | MariaDb>,
): Promise<Started> {
  const { table, queries } = await storePage(page);
  const server = await start();
  await server.sql(table);
  await server.sql(`INSERT INTO mailbox_routes VALUES ('${BOB}', 'new');`);
  return {
    mapping: { source: "sql", sql: { url: server.url(), ...queries } },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

const KINDS: readonly Kind[] = [
  {
    name: "Redis",
    needs: ["redis-server", "redis-cli"],
    size: "4m",
    refuses: /No space left on device/,
    async start(dir) {
      // With `always` it would rather end.
      const settings = { dir, appendfsync: "everysec" };
      const server = await RedisServer.start({ settings });
      await server.ask("SET", `route:${BOB}`, "new");
      return {
        mapping: { source: "redis", redis: { url: server.url } },
        noticed: () =>
          until(
            "the full disk",
            async () => /MISCONF/.test(await server.ask("SET", "other", "x")),
          ),
        [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
      };
    },
  },
  {
    name: "PostgreSQL",
    needs: ["postgres"],
    size: "100m",
    refuses: /No space left on device/,
    start: (folder) => sql("postgresql", () => Postgres.start({ folder })),
  },
  {
    name: "MariaDB",
    needs: ["mariadbd"],
    size: "400m",
    refuses: /table 'mailbox_routes' is full/,
    start: (folder) => sql("mysql", () => MariaDb.start({ folder })),
  },
];

/** Enough of them for a table to grow. */
const MANY = Array.from(
  { length: 2500 },
  (_, i) => ({ identifier: `user${i}-${"x".repeat(200)}` }),
);

for (const kind of KINDS) {
  needs(
    [...kind.needs, "mount"],
    `${kind.name}: a full disk refuses what is written, all or nothing, and lookups go on`,
    async () => {
      await using disk = await Disk.mount(kind.size);
      await Deno.chmod(disk.folder, 0o755);
      await using store = await kind.start(disk.folder);
      await using stage = await Stage.create({
        config: { mapping: merge(store.mapping, { positive_ttl: "1ms" }) },
      });
      const { proxy } = stage;
      const move = async () => {
        const { status, body } = await proxy.admin("POST", "/accounts/move", {
          body: JSON.stringify({ accounts: MANY, destination: "new" }),
        });
        const { accounts, problem } = JSON.parse(body);
        const results = accounts.map((each: { result: string }) => each.result);
        return { status, problem, results: [...new Set(results)] };
      };
      await disk.fill();
      await store.noticed?.();
      const refused = await move();
      assert.equal(refused.status, 500);
      assert.match(refused.problem, kind.refuses);
      assert.ok(!refused.results.includes("moved"), `${refused.results}`);
      assert.ok(!refused.results.includes("unknown"), `${refused.results}`);
      const rows = MANY.map(({ identifier }) => `${identifier}\tnew\n`);
      const imported = await proxy.admin(
        "POST",
        "/mappings/import?format=tsv",
        { body: rows.join("") },
      );
      assert.equal(imported.status, 500);
      assert.match(JSON.parse(imported.body).problem, kind.refuses);
      assert.equal(JSON.parse(imported.body).written, 0);

      assert.equal(await whereIs(stage, BOB), "new");
      assert.equal(await whereIs(stage, MANY[0]!.identifier), "old");
      assert.equal(await readyz(stage), "200 ok");
      assert.equal(
        await proxy.ask("GET", "/mappings/export?format=tsv"),
        `${BOB}\tnew\n`,
      );

      await disk.empty();
      await until("room again", async () => (await move()).status === 200);
      assert.equal(await whereIs(stage, MANY[0]!.identifier), "new");
      assert.equal(proxy.count("store_down"), 0);
    },
  );
}
