/** What happens to a database server does the same to a store, whichever server it is. */
import assert from "node:assert/strict";
import { SeededRandom } from "../support/random.ts";
import type { DatabaseServer } from "../support/database_server.ts";
import { freePorts } from "../support/ports.ts";
import { openSqlStore } from "../support/sql_store.ts";
import { until } from "../support/wait.ts";
import type { SqlStage } from "./sql_store.ts";

export interface SqlServerStage extends SqlStage {
  readonly server: DatabaseServer;
  /** The address with another password, host name or database. */
  urlWith(change: (url: URL) => void): string;
  /** A query that takes a second for anybody but nobody. */
  readonly slowQuery: string;
  /** How many connections the proxy's user has, and how many of them run `slowQuery`. */
  connections(): Promise<{ all: number; slow: number }>;
}

/** A server for one test alone, which may crash it. */
export type OwnServer = () => Promise<
  { readonly stage: SqlServerStage } & AsyncDisposable
>;

type Step = (stage: SqlServerStage, own: OwnServer) => Promise<void>;

const POOL = 4;

const open = (stage: SqlServerStage, timeout?: number) =>
  openSqlStore({
    url: stage.url,
    queries: stage.page.queries,
    poolSize: POOL,
    ...timeout !== undefined && { timeout },
  });

const SQL_SERVER_STEPS: Record<string, Step> = {
  "many lookups at once use no more connections than pool_size": async (
    stage,
  ) => {
    await using opened = await open(stage);
    const random = new SeededRandom(1);
    await Promise.all(
      Array.from(
        { length: 500 },
        () => opened.store.get(`user${random.below(100)}@example.com`),
      ),
    );
    // One more asks whether the database answers.
    const { all } = await stage.connections();
    assert.ok(all <= POOL + 1, `${all} connections`);
    await opened.store.close();
    await until(
      "the end of the connections",
      async () => (await stage.connections()).all === 0,
    );
  },

  "a server that crashes is used again once it is back": async (_, own) => {
    await using mine = await own();
    const { stage } = mine;
    await using opened = await open(stage);
    await opened.store.set("alice@example.com", "new");
    await Promise.all(
      Array.from({ length: 20 }, () => opened.store.get("alice@example.com")),
    );
    await stage.server.crash();
    await assert.rejects(opened.store.get("alice@example.com"), {
      code: "unavailable",
    });
    assert.equal(opened.store.health().serving, false);
    await assert.rejects(opened.store.set("alice@example.com", "old"), {
      code: "unavailable",
    });
    await stage.server.resurrect();
    await until("the store", () => opened.store.health().serving);
    assert.equal(await opened.store.get("alice@example.com"), "new");
    assert.deepEqual(opened.told.at(-1), "up");
  },

  "a restart between two lookups is not noticed by the second": async (
    _,
    own,
  ) => {
    await using mine = await own();
    const { stage } = mine;
    await using opened = await open(stage);
    await opened.store.set("alice@example.com", "new");
    await stage.server.crash();
    await stage.server.resurrect();
    assert.equal(await opened.store.get("alice@example.com"), "new");
    assert.deepEqual(opened.told, []);
  },

  "a server that hangs fails lookups at their time limit and piles up nothing":
    async (stage) => {
      await using opened = await open(stage, 2000);
      await opened.store.set("alice@example.com", "new");
      await stage.server.pause();
      try {
        await Promise.all(
          Array.from(
            { length: 50 },
            () =>
              assert.rejects(opened.store.get("alice@example.com"), {
                code: "unavailable",
              }),
          ),
        );
        assert.equal(opened.store.health().serving, false);
        for (let i = 0; i < 1000; i++) {
          await assert.rejects(opened.store.get("alice@example.com"));
        }
      } finally {
        stage.server.resume();
      }
      await until("the store", () => opened.store.health().serving);
      assert.equal(await opened.store.get("alice@example.com"), "new");
      await until(
        "the end of what was given up",
        async () => (await stage.connections()).all <= POOL + 1,
      );
    },

  "one lookup that is too slow fails alone, and ends at the server": async (
    stage,
  ) => {
    await using opened = await openSqlStore({
      url: stage.url,
      queries: { query: stage.slowQuery },
      timeout: 3000,
      poolSize: POOL,
    });
    assert.deepEqual(opened.told, []);
    const slow = assert.rejects(opened.store.get("alice@example.com"), {
      code: "unavailable",
      message: "no answer within 3000 ms",
    });
    // Something is answered meanwhile, so the store is not down.
    let done = false;
    const quick = (async () => {
      while (!done) assert.equal(await opened.store.get("q"), "new");
    })();
    await slow;
    done = true;
    await quick;
    assert.deepEqual(opened.told, []);
    await until(
      "the end of the slow query",
      async () => (await stage.connections()).slow === 0,
    );
  },

  "many lookups that are too slow together end at the server too": async (
    stage,
  ) => {
    await using opened = await openSqlStore({
      url: stage.url,
      queries: { query: stage.slowQuery },
      timeout: 3000,
      poolSize: POOL,
    });
    const slow = assert.rejects(
      opened.store.getMany!(["q", "alice@example.com", "q"]),
      { code: "unavailable", message: "no answer within 3000 ms" },
    );
    let done = false;
    const quick = (async () => {
      while (!done) assert.equal(await opened.store.get("q"), "new");
    })();
    await slow;
    done = true;
    await quick;
    await until(
      "the end of the slow query",
      async () => (await stage.connections()).slow === 0,
    );
    assert.deepEqual(opened.told, []);
    assert.deepEqual(await opened.store.getMany!(["q", "q"]), ["new", "new"]);
  },

  "a wrong password is told apart from a server that is down": async (
    stage,
  ) => {
    const problemOf = async (change: (url: URL) => void) => {
      await using opened = await openSqlStore({
        url: stage.urlWith(change),
        queries: stage.page.queries,
      });
      const { serving, problem } = opened.store.health();
      assert.equal(serving, false);
      assert.deepEqual(opened.told, [`down: ${problem}`]);
      return problem;
    };
    assert.equal(
      await problemOf((url) => url.password = "wrong"),
      "the login is refused: wrong user or password",
    );
    assert.match(
      await problemOf((url) => url.pathname = "/nothing") ?? "",
      /^the login is refused: (?:there is no such database|this user may not use the database)$/,
    );
    assert.equal(
      await problemOf((url) => url.port = String(freePorts(1)[0])),
      "connection refused",
    );
    assert.equal(
      await problemOf((url) => url.hostname = "nowhere.invalid"),
      "the host's name is not known",
    );
  },
};

/** Registers each step. */
export function sqlServerConformance(
  name: string,
  test: (name: string, fn: () => Promise<void>) => void,
  stage: () => SqlServerStage,
  own: OwnServer,
): void {
  for (const [step, run] of Object.entries(SQL_SERVER_STEPS)) {
    test(`${name}: ${step}`, async () => {
      await stage().sql("DELETE FROM mailbox_routes;");
      await run(stage(), own);
    });
  }
}
