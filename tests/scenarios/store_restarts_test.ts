/** A database that is restarted while many mappings are written. */
import assert from "node:assert/strict";
import { needs } from "../support/requirements.ts";
import { SQL_SERVERS } from "../support/sql_servers.ts";
import { Stage } from "../support/stage.ts";
import { until } from "../support/wait.ts";

const NAMES = Array.from(
  { length: 3000 },
  (_, i) => `user${String(i).padStart(4, "0")}@example.com`,
);

/** Somebody else holds on to this row, so that what writes it waits. */
const HELD = NAMES[2500]!;

for (const { name, needs: programs, page, start, sleep } of SQL_SERVERS) {
  needs(
    programs,
    `${name}: restarted in the middle of a move and of an import, everything written is put back`,
    async () => {
      await using database = await start();
      await database.sql(page.table);
      const values = NAMES.map((name) => `('${name}', 'old')`).join();
      await database.sql(`INSERT INTO mailbox_routes VALUES ${values};`);
      await using stage = await Stage.create({
        config: {
          mapping: {
            source: "sql",
            lookup_timeout: "60s",
            sql: { url: database.url(), ...page.queries },
          },
        },
      });
      const { proxy } = stage;
      using client = await stage.loggedIn(HELD);
      const moved = async () =>
        Number(
          await database.sql(
            "SELECT count(*) FROM mailbox_routes WHERE destination = 'new';",
          ),
        );
      /** The answer to `write`, in the middle of which the database is restarted. */
      const across = async (path: string, body: string) => {
        const holding = database.sql(
          `BEGIN; SELECT * FROM mailbox_routes WHERE identifier = '${HELD}' FOR UPDATE; ${sleep};`,
        ).catch(() => {});
        await until(
          "somebody who holds the row",
          async () =>
            await database.sql(
              `SELECT identifier FROM mailbox_routes WHERE identifier = '${HELD}' FOR UPDATE SKIP LOCKED;`,
            ) === "",
        );
        const answer = proxy.admin("POST", path, { body });
        await until("a part of it", async () => await moved() > 0);
        await database.server.crash();
        await database.server.resurrect();
        await holding;
        const { status, body: text } = await answer;
        assert.equal(status, 500, text.slice(0, 500));
        assert.equal(await moved(), 0);
        return JSON.parse(text);
      };
      const move = JSON.stringify({
        accounts: NAMES.map((identifier) => ({ identifier })),
        destination: "new",
      });
      const { change, accounts } = await across("/accounts/move", move);
      assert.equal(change, null);
      const results = accounts.map((each: { result: string }) => each.result);
      assert.deepEqual([...new Set(results)].sort(), [
        "not-moved",
        "put-back",
      ]);
      assert.equal((await client.transact("NOOP")).text, "NOOP old");
      const { written, problem } = await across(
        "/mappings/import?format=tsv",
        NAMES.map((name) => `${name}\tnew\n`).join(""),
      );
      assert.equal(written, 0);
      assert.match(problem, /; what was written is put back$/);

      const again = await proxy.admin("POST", "/accounts/move", { body: move });
      assert.equal(again.status, 200);
      assert.equal(await moved(), NAMES.length);
    },
  );
}
