import {
  type FileTable,
  formatLine,
  type ParseRules,
  readTable,
  sortedIdentifiers,
} from "./file_table.ts";
import { replaceFile } from "./replace_file.ts";
import { ShardedMap } from "./sharded_map.ts";
import { sortInTurns, upperBound } from "./sorting.ts";
import {
  type MappingChanges,
  type MappingPage,
  type MappingStore,
  StoreError,
  type StoreHealth,
  type WriteAll,
} from "./store.ts";
import { collectInTurns, Turns } from "./turns.ts";
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

const LINES_A_WRITE = 2048;

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
  /** What the file has already while the entries of the table are brought up to it, in turns. */
  #overlay: MappingChanges | null = null;
  #size: number;
  #pending: Change[] = [];
  /** The end of the chain of writes and reloads; never rejects. */
  #last: Promise<void> = Promise.resolve();
  #lastReloadFailure: string | null = null;

  private constructor(
    private readonly options: FileStoreOptions,
    table: FileTable,
  ) {
    this.#table = table;
    this.#size = table.entries.size;
  }

  /** Throws StoreError "unavailable" (missing, unreadable) or "bad-data". */
  static async open(options: FileStoreOptions): Promise<FileStore> {
    const table = await readTable(options.path, options);
    table.warnings.forEach(options.warn);
    return new FileStore(options, table);
  }

  /** How many mappings there are. */
  get size(): number {
    return this.#size;
  }

  get(identifier: string): Promise<string | null> {
    return Promise.resolve(this.#find(identifier));
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
      const { entries } = this.#table;
      const delta = new ShardedMap<string | null>();
      for (const [identifier, destination] of mappings) {
        if (entries.get(identifier) !== destination) {
          delta.set(identifier, destination);
        }
        const pause = turns.step();
        if (pause) await pause;
      }
      for (const identifier of rest === "drop" ? entries.keys() : []) {
        if (!mappings.has(identifier)) delta.set(identifier, null);
        const pause = turns.step();
        if (pause) await pause;
      }
      const changing = await collectInTurns(delta.keys());
      await this.#write(delta, () => settle(changing));
    });
  }

  async delete(identifier: string): Promise<boolean> {
    return await this.#change(new Map([[identifier, null]])) > 0;
  }

  async list(after: string | null, limit: number): Promise<MappingPage> {
    const sorted = await sortedIdentifiers(this.#table);
    const start = after === null ? 0 : upperBound(sorted, after);
    const page = sorted.slice(start, start + limit);
    return {
      mappings: page.flatMap((identifier) => {
        const destination = this.#find(identifier);
        return destination === null ? [] : [{ identifier, destination }];
      }),
      next: start + limit < sorted.length ? page.at(-1) as string : null,
    };
  }

  unstorable(identifier: string): string | null {
    return unreadable("identifier", identifier);
  }

  reload(): Promise<void> {
    return this.#enqueue(async () => {
      try {
        const table = await readTable(this.options.path, this.options);
        table.warnings.forEach(this.options.warn);
        if (table.entries.size === 0 && this.size > 0) {
          this.options.warn(
            `${this.options.path}: no mappings any more, there were ${this.size}`,
          );
        }
        this.#table = table;
        this.#size = table.entries.size;
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
    for (const destination of new Set(this.#table.entries.values())) {
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
      const delta = new Map<string, string | null>();
      const existed = changes.map(({ entries }) => {
        let count = 0;
        for (const [identifier, destination] of entries) {
          const before = delta.has(identifier)
            ? delta.get(identifier)
            : this.#table.entries.get(identifier);
          if (before !== undefined && before !== null) count++;
          delta.set(identifier, destination);
        }
        return count;
      });
      await this.#write(delta);
      changes.forEach((change, i) => change.done(existed[i] as number));
    } catch (error) {
      changes.forEach((change) => change.fail(error));
    }
  }

  async #write(
    delta: MappingChanges,
    settle?: () => Promise<void>,
  ): Promise<void> {
    if (!await this.#hasChanges(delta)) return;
    const { entries } = this.#table;
    const before = await sortedIdentifiers(this.#table);
    const after: string[] = [];
    const stamp = await replaceFile(
      this.options.path,
      this.#table.stamp,
      this.#lines(before, await this.#added(delta), delta, after),
      settle,
    );
    // All at once for those who ask; in place, since a copy of a million entries takes long.
    this.#overlay = delta;
    this.#size = after.length;
    this.#table = { entries, sorted: after, stamp, warnings: [] };
    const turns = new Turns();
    for (const [identifier, destination] of delta) {
      if (destination === null) entries.delete(identifier);
      else entries.set(identifier, destination);
      const pause = turns.step();
      if (pause) await pause;
    }
    this.#overlay = null;
  }

  #find(identifier: string): string | null {
    const written = this.#overlay?.get(identifier);
    if (written !== undefined) return written;
    return this.#table.entries.get(identifier) ?? null;
  }

  async #hasChanges(delta: MappingChanges): Promise<boolean> {
    const turns = new Turns();
    for (const [identifier, destination] of delta) {
      if (this.#find(identifier) !== destination) return true;
      const pause = turns.step();
      if (pause) await pause;
    }
    return false;
  }

  /** The identifiers that are new, in ascending order. */
  async #added(delta: MappingChanges): Promise<readonly string[]> {
    const { entries } = this.#table;
    const turns = new Turns();
    const added: string[] = [];
    for (const [identifier, destination] of delta) {
      if (destination !== null && !entries.has(identifier)) {
        added.push(identifier);
      }
      const pause = turns.step();
      if (pause) await pause;
    }
    return await sortInTurns(added);
  }

  /** The new content in pieces; the identifiers written are added to `written`. */
  async *#lines(
    before: readonly string[],
    added: readonly string[],
    delta: MappingChanges,
    written: string[],
  ): AsyncGenerator<Uint8Array> {
    const { entries } = this.#table;
    const encoder = new TextEncoder();
    let text = "";
    let next = 0;
    let steps = 0;
    const turns = new Turns();
    const line = (identifier: string) => {
      const changed = delta.get(identifier);
      if (changed === null) return;
      written.push(identifier);
      text += formatLine(
        identifier,
        changed ?? entries.get(identifier) as string,
      );
    };
    for (let i = 0; i < before.length || next < added.length;) {
      const [old, fresh] = [before[i], added[next]];
      if (old === undefined || fresh !== undefined && fresh < old) {
        line(fresh as string);
        next++;
      } else {
        line(old);
        i++;
      }
      if (++steps < LINES_A_WRITE) continue;
      yield encoder.encode(text);
      text = "";
      steps = 0;
      // A write that is done at once leaves nobody a turn.
      await turns.look();
    }
    yield encoder.encode(text);
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
