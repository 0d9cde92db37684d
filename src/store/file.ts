import { type FileTable, type ParseRules, readTable } from "./file_table.ts";
import { PackedMap } from "./packed_map.ts";
import { replaceFile } from "./replace_file.ts";
import { type Piece, SortedRows } from "./sorted_rows.ts";
import {
  type MappingChanges,
  type MappingPage,
  type MappingStore,
  StoreError,
  type StoreHealth,
  type WriteAll,
} from "./store.ts";
import { Turns } from "./turns.ts";
import { unreadableWord } from "./words.ts";

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

  async writeAll(
    mappings: ReadonlyMap<string, string>,
    { rest, settle }: WriteAll,
  ): Promise<void> {
    const turns = new Turns();
    for (const mapping of mappings) {
      mustBeStorable(...mapping);
      const pause = turns.step();
      if (pause) await pause;
    }
    await this.#enqueue(async () => {
      const { rows } = this.#table;
      const delta = new PackedMap<string | null>(mappings.size);
      for (const [identifier, destination] of mappings) {
        if (rows.get(identifier) !== destination) {
          delta.set(identifier, destination);
        }
        const pause = turns.step();
        if (pause) await pause;
      }
      for (const { identifier } of rest === "drop" ? rows.all() : []) {
        if (!mappings.has(identifier)) delta.set(identifier, null);
        const pause = turns.step();
        if (pause) await pause;
      }
      if (delta.size > 0) await this.#write(delta, () => settle(delta));
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
      if (isChange) await this.#write(delta);
      changes.forEach((change, i) => change.done(existed[i] as number));
    } catch (error) {
      changes.forEach((change) => change.fail(error));
    }
  }

  async #write(
    delta: PackedMap<string | null>,
    settle?: () => Promise<void>,
  ): Promise<void> {
    const pieces: Piece[] = [];
    const { rows, stamp } = this.#table;
    const changed = rows.changed(await delta.sorted());
    const now = await replaceFile(
      this.options.path,
      stamp,
      bytesOf(changed, pieces),
      settle,
    );
    this.#table = { rows: new SortedRows(pieces), stamp: now, warnings: [] };
  }
}

/** The content of a file; the pieces written are added to `written`. */
async function* bytesOf(
  pieces: AsyncIterable<Piece>,
  written: Piece[],
): AsyncGenerator<Uint8Array> {
  const encoder = new TextEncoder();
  const turns = new Turns();
  for await (const piece of pieces) {
    written.push(piece);
    yield encoder.encode(piece.text);
    // A write that is done at once leaves nobody a turn.
    await turns.look();
  }
}

function mustBeStorable(identifier: string, destination: string): void {
  const wrong = unreadable("identifier", identifier) ??
    unreadable("destination", destination);
  if (wrong !== null) throw new StoreError("unstorable", wrong);
}

/** Why a line with this word in it would be read back as something else, or null. */
function unreadable(what: string, word: string): string | null {
  if (word.startsWith("#")) {
    return `a mapping file cannot hold an ${what} that begins with #`;
  }
  // `trim` and the split take the same characters as \s, a byte order mark among them.
  if (/\s/.test(word)) {
    return `a mapping file cannot hold white space in an ${what}`;
  }
  return unreadableWord(what, word);
}
