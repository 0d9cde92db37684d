import {
  changeFile,
  mergeAll,
  mustBeStorable,
  unreadable,
} from "./file_change.ts";
import { type FileTable, type ParseRules, readTable } from "./file_table.ts";
import { PackedMap } from "./packed_map.ts";
import {
  type FileRewrite,
  type MappingChanges,
  type MappingPage,
  type MappingStore,
  type StoreHealth,
  type WriteAll,
} from "./store.ts";
import { Turns } from "./turns.ts";

export interface FileStoreOptions extends ParseRules {
  /** `[mapping.file] path`. */
  readonly path: string;
  /** Told what is odd in a file that is served all the same. */
  readonly warn: (message: string) => void;
}

interface Change {
  readonly entries: MappingChanges;
  /** How many of its identifiers had a mapping before. */
  done(existed: number): void;
  fail(error: unknown): void;
}

/**
 * Mappings in a text file (see file_table.ts for its form), held in memory. A write replaces the
 * whole file, sorted and tab-separated, so comments do not survive it; writes that arrive while one
 * is under way share the next. Nothing in memory changes before the file has. A file that somebody
 * else changed since it was read is never overwritten: it has to be reloaded first.
 */
export class FileStore implements MappingStore {
  readonly source = "file";
  readonly writable = true;
  #table: FileTable;
  #pending: Change[] = [];
  /** The end of the chain of writes and reloads; never rejects. */
  #last: Promise<void> = Promise.resolve();
  #lastReloadFailure: string | null = null;

  private constructor(
    private readonly options: FileStoreOptions,
    table: FileTable,
  ) {
    this.#table = table;
  }

  /** Throws StoreError "unavailable" (missing, unreadable) or "bad-data". */
  static async open(options: FileStoreOptions): Promise<FileStore> {
    const table = await readTable(options.path, options);
    table.warnings.forEach(options.warn);
    return new FileStore(options, table);
  }

  /** How many mappings there are. */
  get size(): number {
    return this.#table.rows.size;
  }

  get(identifier: string): Promise<string | null> {
    return Promise.resolve(this.#table.rows.get(identifier));
  }

  set(identifier: string, destination: string): Promise<void> {
    return this.write(new Map([[identifier, destination]]));
  }

  /** All or none: the file is written once. */
  async write(changes: MappingChanges): Promise<void> {
    const turns = new Turns();
    for (const [identifier, destination] of changes) {
      if (destination !== null) mustBeStorable(identifier, destination);
      const pause = turns.step();
      if (pause) await pause;
    }
    await this.#change(changes);
  }

  writeAll(
    mappings: ReadonlyMap<string, string>,
    how: WriteAll,
  ): Promise<void> {
    return this.rewrite((path, table) => mergeAll(path, table, mappings, how));
  }

  rewrite(change: FileRewrite): Promise<void> {
    return this.#enqueue(async () => {
      const next = await change(this.options.path, this.#table);
      if (next !== null) this.#table = next;
    });
  }

  async delete(identifier: string): Promise<boolean> {
    return await this.#change(new Map([[identifier, null]])) > 0;
  }

  list(after: string | null, limit: number): Promise<MappingPage> {
    return Promise.resolve(this.#table.rows.page(after, limit));
  }

  unstorable(identifier: string): string | null {
    return unreadable("identifier", identifier);
  }

  reload(): Promise<void> {
    return this.#enqueue(async () => {
      try {
        const table = await readTable(this.options.path, this.options);
        table.warnings.forEach(this.options.warn);
        if (table.rows.size === 0 && this.size > 0) {
          this.options.warn(
            `${this.options.path}: no mappings any more, there were ${this.size}`,
          );
        }
        this.#table = table;
        this.#lastReloadFailure = null;
      } catch (error) {
        this.#lastReloadFailure = error instanceof Error
          ? error.message
          : String(error);
        throw error;
      }
    });
  }

  health(): StoreHealth {
    const failure = this.#lastReloadFailure;
    return {
      serving: true,
      problem: failure === null
        ? null
        : `the last reload failed, the mappings before it are served: ${failure}`,
    };
  }

  /** What is wrong with the destinations in use by other rules than those at opening; none: []. */
  problemsUnder(check: ParseRules["checkDestination"]): readonly string[] {
    const problems: string[] = [];
    for (const destination of this.#table.rows.names()) {
      const wrong = check(destination);
      if (wrong !== null) problems.push(`${this.options.path}: ${wrong}`);
    }
    return problems;
  }

  close(): Promise<void> {
    return this.#last;
  }

  #change(entries: MappingChanges): Promise<number> {
    return new Promise((done, fail) => {
      this.#pending.push({ entries, done, fail });
      if (this.#pending.length === 1) this.#enqueue(() => this.#writePending());
    });
  }

  #enqueue(job: () => Promise<void>): Promise<void> {
    const run = this.#last.then(job);
    this.#last = run.catch(() => {});
    return run;
  }

  async #writePending(): Promise<void> {
    const changes = this.#pending;
    this.#pending = [];
    try {
      const { rows } = this.#table;
      const turns = new Turns();
      const delta = new PackedMap<string | null>(
        changes.reduce((sum, { entries }) => sum + entries.size, 0),
      );
      const existed: number[] = [];
      let isChange = false;
      for (const { entries } of changes) {
        let count = 0;
        for (const [identifier, destination] of entries) {
          const before = delta.has(identifier)
            ? delta.get(identifier)
            : rows.get(identifier);
          if (before !== null) count++;
          isChange ||= before !== destination;
          delta.set(identifier, destination);
          const pause = turns.step();
          if (pause) await pause;
        }
        existed.push(count);
      }
      if (isChange) {
        const { path } = this.options;
        this.#table = await changeFile(path, this.#table, delta);
      }
      changes.forEach((change, i) => change.done(existed[i] as number));
    } catch (error) {
      changes.forEach((change) => change.fail(error));
    }
  }
}
