/** A SQLite file of the test's own. Its other user is a connection of the test, or the command line program. */
import { DatabaseSync } from "node:sqlite";
import { PATIENCE } from "./wait.ts";

export class SqliteFile implements AsyncDisposable {
  private constructor(readonly folder: string) {}

  /** `statements` make its tables. */
  static async create(statements: string): Promise<SqliteFile> {
    const folder = await Deno.makeTempDir({ prefix: "mailferry-sqlite-" });
    const file = new SqliteFile(folder);
    file.sql(statements);
    return file;
  }

  get path(): string {
    return `${this.folder}/routes.db`;
  }

  url(parameters = ""): string {
    return `sqlite://${this.path}${parameters}`;
  }

  /** Another connection to the file; the caller closes it. */
  open(path = this.path): DatabaseSync {
    const database = new DatabaseSync(path);
    // The last connection that is closed tidies up, and locks the file for it.
    database.exec(`PRAGMA busy_timeout = ${PATIENCE}`);
    return database;
  }

  sql(statements: string): void {
    const database = this.open();
    try {
      database.exec(statements);
    } finally {
      database.close();
    }
  }

  rows(query: string): Record<string, unknown>[] {
    const database = this.open();
    try {
      return database.prepare(query).all();
    } finally {
      database.close();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.folder, { recursive: true });
  }
}
