/** All that a store on a database server is tested by, whichever server it is. */
import type {
  DatabaseServer,
  ServerOptions,
} from "../support/database_server.ts";
import { absent, needs } from "../support/requirements.ts";
import type { StorePage } from "../support/store_page.ts";
import {
  assertClearModes,
  assertTlsModes,
  assertTlsRecovery,
  tlsGround,
} from "../support/tls_server_cases.ts";
import { mappingStoreConformance } from "./mapping_store.ts";
import { sqlServerConformance, type SqlServerStage } from "./sql_server.ts";
import { emptySqlStore, sqlStoreConformance } from "./sql_store.ts";

/** A private server with one user and one database. */
interface Database extends AsyncDisposable {
  readonly server: DatabaseServer;
  url(parameters?: string): string;
  sql(statements: string): Promise<string>;
}

/** What is not the same in all of them. */
export interface SqlDialect<D extends Database>
  extends
    Pick<SqlServerStage, "placeholder" | "bytes" | "wrongTable" | "slowQuery"> {
  readonly name: string;
  readonly needs: readonly string[];
  readonly page: StorePage;
  start(options?: ServerOptions): Promise<D>;
  /** The statement that each connection of the proxy's user is at, "" for none. */
  statements(database: D): Promise<readonly string[]>;
  isSlow(statement: string): boolean;
}

/** Registers one test more, with a database that has the table of the documentation's example. */
export type SqlTest<D> = (
  name: string,
  fn: (database: D) => Promise<void>,
) => void;

/** Registers what holds for each server; all tests that leave it running share one. */
export function sqlSuite<D extends Database>(
  dialect: SqlDialect<D>,
): SqlTest<D> {
  const { name, page, placeholder, bytes, wrongTable, slowQuery } = dialect;
  const start = async (options?: ServerOptions) => {
    const database = await dialect.start(options);
    await database.sql(page.table);
    return database;
  };
  const stageOf = (database: D): SqlServerStage => ({
    ...{ page, placeholder, bytes, wrongTable, slowQuery },
    server: database.server,
    url: database.url(),
    urlWith(change) {
      const url = new URL(database.url());
      change(url);
      return url.href;
    },
    sql: (statements) => database.sql(statements),
    async connections() {
      const all = await dialect.statements(database);
      return { all: all.length, slow: all.filter(dialect.isSlow).length };
    },
  });
  let shared: D;
  Deno.test.beforeAll(async () => {
    if (absent(dialect.needs).length === 0) shared = await start();
  });
  Deno.test.afterAll(async () => {
    await shared?.[Symbol.asyncDispose]();
  });
  const test = (name: string, fn: () => Promise<void>) =>
    needs(dialect.needs, name, fn);
  const stage = () => stageOf(shared);
  mappingStoreConformance(
    name,
    () => emptySqlStore(stage()),
    { programs: dialect.needs },
  );
  sqlStoreConformance(name, test, stage);
  sqlServerConformance(name, test, stage, async () => {
    const own = await start();
    return {
      stage: stageOf(own),
      [Symbol.asyncDispose]: () => own[Symbol.asyncDispose](),
    };
  });
  test(`${name}: sslmode decides about TLS and the certificate`, async () => {
    await using ground = await tlsGround();
    await using server = await start({ certificate: ground.certificate });
    await using other = await start({ certificate: ground.misnamed });
    await assertTlsModes(ground, page, server, other);
    await assertTlsRecovery(ground, page, server);
    await assertClearModes(page, shared);
  });
  return (title, fn) => test(`${name}: ${title}`, () => fn(shared));
}
