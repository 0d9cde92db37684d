/** What every SQL database does alike behind a mapping store, real databases all of them. */
import assert from "node:assert/strict";
import { until } from "../support/wait.ts";
import {
  type OpenedSqlStore,
  openSqlStore,
  type SqlStoreOptions,
} from "../support/sql_store.ts";
import type { StorePage } from "../support/store_page.ts";
import type { StoreUnderTest } from "./mapping_store.ts";

/** One database while a file of tests runs. */
export interface SqlStage {
  readonly page: StorePage;
  readonly url: string;
  /** How this database writes the place of the first parameter. */
  readonly placeholder: string;
  /** Run statements as somebody else. */
  sql(statements: string): Promise<unknown>;
  /** An expression for bytes given in hex. */
  bytes(hex: string): string;
  /** Something its driver can only say with its own words. */
  readonly wrongTable: RegExp;
}

const TABLE = "mailbox_routes";

/** Empties the table of the documentation's example, and opens a store over it. */
export async function emptySqlStore(
  stage: SqlStage,
): Promise<StoreUnderTest> {
  await stage.sql(`DELETE FROM ${TABLE};`);
  const opened: OpenedSqlStore[] = [];
  const reopen = async () => {
    const store = await openSqlStore({
      url: stage.url,
      queries: stage.page.queries,
    });
    opened.push(store);
    return store.store;
  };
  return {
    store: await reopen(),
    reopen,
    async [Symbol.asyncDispose]() {
      for (const { store } of opened) await store.close();
    },
  };
}

type Step = (stage: SqlStage, open: Open) => Promise<void>;

type Open = (options?: Partial<SqlStoreOptions>) => Promise<OpenedSqlStore>;

/** A query that gives an expression for everybody. */
const always = (stage: SqlStage, expression: string) =>
  `SELECT ${expression} FROM (SELECT ${stage.placeholder} AS i) AS t`;

/** Its statements, but that the one that writes a mapping is refused where there is one. */
function withoutReplacing({ page: { queries } }: SqlStage) {
  const values = queries.upsert_query.match(/VALUES \(([^)]*)\)/)![1]!;
  const upsert_query =
    `INSERT INTO ${TABLE} (identifier, destination) VALUES (${values})`;
  return { ...queries, upsert_query };
}

const SQL_STEPS: Record<string, Step> = {
  "the documentation's example works without a complaint": async (_, open) => {
    await using opened = await open();
    assert.equal(opened.store.writable, true);
    assert.deepEqual(opened.told, []);
    assert.deepEqual(opened.store.health(), { serving: true, problem: null });
  },

  "identifiers are compared byte for byte": async (_, open) => {
    await using opened = await open();
    await opened.store.set("jürgen@example.com", "new");
    for (const other of ["jurgen@example.com", "JÜRGEN@example.com"]) {
      assert.equal(await opened.store.get(other), null, other);
    }
  },

  "values of other types are read as text, and NULL as no mapping": async (
    stage,
    open,
  ) => {
    for (
      const [expression, expected] of [
        ["7", "7"],
        ["-1.5", "-1.5"],
        ["9007199254740993", "9007199254740993"],
        ["NULL", null],
        ["''", null],
        ["'  new '", "  new "],
        ["'\u{1F4E7}'", "\u{1F4E7}"],
        [stage.bytes("6e6577"), "new"],
        [stage.bytes(""), null],
        ["'first', 'second'", "first"],
      ] as const
    ) {
      await using opened = await open({
        queries: { query: always(stage, expression) },
      });
      const found = await opened.store.get("alice@example.com");
      assert.equal(found, expected, expression);
      const together = await opened.store.getMany!(["alice", "bob"]);
      assert.deepEqual(together, [expected, expected], expression);
    }
  },

  "bytes that are no text fail that lookup alone": async (stage, open) => {
    await using opened = await open({
      queries: { query: always(stage, stage.bytes("ff00fe")) },
    });
    await assert.rejects(opened.store.get("alice@example.com"), {
      code: "bad-data",
      message: "the destination found is not UTF-8 text",
    });
    await assert.rejects(opened.store.getMany!(["alice", "bob"]), {
      code: "bad-data",
    });
    assert.deepEqual(opened.store.health(), { serving: true, problem: null });
  },

  "of several rows the first counts, and without one there is no mapping":
    async (stage, open) => {
      await stage.sql(
        `INSERT INTO ${TABLE} VALUES ('a', 'new'), ('b', 'old');`,
      );
      await using opened = await open({
        queries: {
          query: `SELECT destination FROM ${TABLE} WHERE identifier >= ` +
            `${stage.placeholder} ORDER BY identifier`,
        },
      });
      assert.equal(await opened.store.get("a"), "new");
      assert.equal(await opened.store.get("b"), "old");
      assert.equal(await opened.store.get("c"), null);
      assert.deepEqual(
        await opened.store.getMany!(["c", "a", "b"]),
        [null, "new", "old"],
      );
    },

  "without both statements that write it is read-only": async (
    { page: { queries } },
    open,
  ) => {
    const { delete_query: _, ...rest } = queries;
    await using opened = await open({ queries: rest });
    assert.equal(opened.store.writable, false);
    assert.equal(await opened.store.get("alice@example.com"), null);
  },

  "without list_query listing says what is missing": async (
    { page: { queries } },
    open,
  ) => {
    await using opened = await open({ queries: { query: queries.query } });
    await assert.rejects(opened.store.list(null, 10), {
      message: "mappings cannot be listed: [mapping.sql] has no list_query",
    });
    assert.deepEqual(opened.store.health(), { serving: true, problem: null });
  },

  "a wrong list_query fails listings alone": async (
    { page: { queries } },
    open,
  ) => {
    const list_query = queries.list_query.replace(
      "ORDER BY identifier",
      "ORDER BY ident",
    );
    await using opened = await open({ queries: { ...queries, list_query } });
    await assert.rejects(opened.store.list(null, 2), {
      code: "bad-data",
      message: /^list_query: .*ident/,
    });
    assert.equal(opened.store.health().serving, true);
    assert.ok(opened.told.every((told) => told.startsWith("warning: ")));
  },

  "a list_query that does not go on is an error, not an endless list": async (
    { page: { queries }, sql },
    open,
  ) => {
    await sql(`INSERT INTO ${TABLE} VALUES ('a', 'new'), ('b', 'old');`);
    const list_query = queries.list_query.replace("identifier >", "'' <=");
    assert.notEqual(list_query, queries.list_query);
    await using opened = await open({ queries: { ...queries, list_query } });
    const first = await opened.store.list(null, 2);
    await assert.rejects(opened.store.list(first.next, 2), {
      code: "bad-data",
      message: /^list_query does not go on/,
    });
  },

  "a query about a table that is not there is a store that is down, until there is one":
    async (stage, open) => {
      const query = stage.page.queries.query.replace(TABLE, "not_there");
      await using opened = await open({ queries: { query } });
      const { serving, problem } = opened.store.health();
      assert.equal(serving, false);
      assert.match(problem!, /^query: /);
      assert.match(problem!, stage.wrongTable);
      await assert.rejects(opened.store.get("alice@example.com"), {
        code: "unavailable",
        message: problem!,
      });
      await stage.sql(stage.page.table.replace(TABLE, "not_there"));
      try {
        await until("the store", () => opened.store.health().serving);
        assert.equal(await opened.store.get("alice@example.com"), null);
      } finally {
        await stage.sql("DROP TABLE not_there;");
      }
    },

  "a table that disappears while it is served is noticed": async (
    stage,
    open,
  ) => {
    const query = stage.page.queries.query.replace(TABLE, "for_a_while");
    await stage.sql(stage.page.table.replace(TABLE, "for_a_while"));
    await using opened = await open({ queries: { query } });
    assert.equal(await opened.store.get("alice@example.com"), null);
    await stage.sql("DROP TABLE for_a_while;");
    await assert.rejects(opened.store.get("alice@example.com"), {
      code: "unavailable",
      message: stage.wrongTable,
    });
    assert.equal(opened.store.health().serving, false);
  },

  "a query with another number of parameters says so": async (_, open) => {
    await using opened = await open({ queries: { query: "SELECT 'new'" } });
    assert.equal(
      opened.store.health().problem,
      "query: takes 0 parameters, and 1 are bound to it: the identifier",
    );
  },

  "a wrong statement that writes leaves lookups alone, and says so": async (
    stage,
    open,
  ) => {
    const { queries } = stage.page;
    const delete_query = queries.delete_query.replace("identifier", "ident");
    await using opened = await open({ queries: { ...queries, delete_query } });
    const { serving, problem } = opened.store.health();
    assert.equal(serving, true);
    assert.match(problem!, /^delete_query: .*ident/);
    assert.deepEqual(opened.told, [`warning: ${problem}`]);
    await opened.store.set("alice@example.com", "new");
    assert.equal(await opened.store.get("alice@example.com"), "new");
    await assert.rejects(opened.store.delete("alice@example.com"), {
      code: "write-failed",
    });
    assert.equal(opened.store.health().serving, true);
  },

  "a batch with one change that is refused changes nothing": async (
    stage,
    open,
  ) => {
    await using opened = await open();
    await opened.store.set("alice@example.com", "old");
    await using strict = await open({ queries: withoutReplacing(stage) });
    await assert.rejects(
      strict.store.write(
        new Map([["bob@example.com", "new"], ["alice@example.com", "new"]]),
      ),
      (error: { code: string; message: string }) => {
        assert.equal(error.code, "write-failed");
        assert.doesNotMatch(error.message, /alice/);
        return true;
      },
    );
    assert.equal(await opened.store.get("alice@example.com"), "old");
    assert.equal(await opened.store.get("bob@example.com"), null);
  },

  "of a thousand changes with one that is refused none is made, and the next ones are":
    async (stage, open) => {
      const wave = Array.from(
        { length: 1000 },
        (_, i): [string, string] => [`user${i}@example.com`, "new"],
      );
      const accounts = wave.map(([account]) => account);
      await using opened = await open({ poolSize: 1 });
      await opened.store.set("user7@example.com", "old");
      await using strict = await open({
        queries: withoutReplacing(stage),
        poolSize: 1,
      });
      await assert.rejects(strict.store.write(new Map(wave)), {
        code: "write-failed",
      });
      assert.deepEqual(
        await strict.store.getMany!(accounts),
        wave.map((_, i) => i === 7 ? "old" : null),
      );
      await opened.store.write(new Map(wave));
      assert.deepEqual(
        await strict.store.getMany!(accounts),
        wave.map(() => "new"),
      );
    },

  "a value that looks like SQL stays a value": async (_, open) => {
    await using opened = await open();
    const evil = `x'); DROP TABLE ${TABLE}; --@example.com`;
    await opened.store.write(new Map([[evil, "new'); --"]]));
    assert.equal(await opened.store.get(evil), "new'); --");
    assert.equal(await opened.store.get("x"), null);
  },
};

/** Registers each step; `stage` is asked when a test runs. */
export function sqlStoreConformance(
  name: string,
  test: (name: string, fn: () => Promise<void>) => void,
  stage: () => SqlStage,
): void {
  for (const [step, run] of Object.entries(SQL_STEPS)) {
    test(`${name}: ${step}`, async () => {
      const on = stage();
      await on.sql(`DELETE FROM ${TABLE};`);
      await run(
        on,
        (options = {}) =>
          openSqlStore({ url: on.url, queries: on.page.queries, ...options }),
      );
    });
  }
}
