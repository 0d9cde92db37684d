import type { Config } from "../../config/schema.ts";
import type { Clock } from "../../observe/clock.ts";
import { PackedMap } from "../../store/packed_map.ts";
import { type MappingStore, StoreError } from "../../store/store.ts";
import { storeFailure } from "../accounts.ts";
import { ControlError } from "../api.ts";
import { MOST_FORGOTTEN } from "../everywhere.ts";
import { storeGround } from "../moves/ground.ts";
import { putBack } from "../moves/put_back.ts";
import type { Imported, ImportTask } from "./import_messages.ts";
import { type ReadRow, RowsReader } from "./rows_reader.ts";

/** What is held in memory to be written together: as much as a wave of the runtime socket, some 300 MB. */
const MOST_ROWS = 2_000_000;
const MOST_CHARACTERS = 128 * 1024 * 1024;

/** A store that holds its mappings in memory takes no more than this by an import. */
const MOST_IN_MEMORY = 5_000_000;

/** So many are given at once to a store that cannot write all or none of very many. */
const BATCH = 1000;

/** A store that writes all or none of very many mappings. */
type StoreAtOnce =
  & Pick<MappingStore, "unstorable" | "size">
  & Required<Pick<MappingStore, "writeAll">>;

/** One that writes some at a time. */
type StoreOfBatches = Pick<
  MappingStore,
  "unstorable" | "get" | "getMany" | "write" | "health"
>;

export type ImportStore = StoreAtOnce | StoreOfBatches;

/** Why an import ends before its end. */
class Ended extends Error {
  constructor(readonly result: "refused" | "failed", message: string) {
    super(message);
  }
}

/** Reading the rows failed, not what is done with them. */
class BrokenOff extends Error {}

/** One import, from its rows to a report. */
export class Importing {
  readonly #reader: RowsReader;
  #accounts = 0;
  #repeated = 0;
  #written = 0;
  /** Accounts that may have another mapping now; null: more than are worth naming. */
  #changed: string[] | null = [];

  constructor(
    private readonly store: ImportStore,
    config: () => Config,
    private readonly task: ImportTask,
    private readonly body: AsyncIterable<Uint8Array>,
    private readonly clock: Clock,
  ) {
    this.#reader = new RowsReader(task.format, store, config);
  }

  async run(): Promise<Imported> {
    let end: Ended | null = null;
    try {
      if (this.task.dryRun) await this.#check();
      else if (this.task.mode === "best-effort") await this.#writeSome();
      else await this.#writeAll();
    } catch (error) {
      if (error instanceof Ended) end = error;
      else if (error instanceof BrokenOff) {
        const { lines } = this.#reader;
        const where = `the body broke off behind ${lines} lines`;
        end = new Ended("failed", `${where}: ${error.message}`);
      } else throw error;
    }
    const { lines, badLines, errors } = this.#reader;
    return {
      report: {
        result: end?.result ?? (this.task.dryRun ? "checked" : "imported"),
        problem: end?.message ?? null,
        lines,
        accounts: this.#accounts,
        repeated: this.#repeated,
        written: this.#written,
        bad_lines: badLines,
        errors,
      },
      changed: this.#changed,
      isCertain: end === null,
    };
  }

  async #check(): Promise<void> {
    // Whether an account was named before is known of as many as are held.
    const seen = new Held();
    for await (const rows of this.#rows()) {
      if (seen.isFull) seen.clear();
      this.#hold(seen, rows);
    }
    this.#mustBeGood();
  }

  /** Nothing before the last line is read and right; then all of it. */
  async #writeAll(): Promise<void> {
    const held = new Held();
    for await (const rows of this.#rows()) {
      // The rest is still judged.
      if (!held.isFull) this.#hold(held, rows);
    }
    this.#mustBeGood();
    if (held.isFull) {
      throw new Ended(
        "refused",
        `more than ${MOST_ROWS} accounts, or very long ones, are not written together: take best-effort, or several files`,
      );
    }
    await this.#write(held.mappings);
  }

  #mustBeGood(): void {
    const { badLines } = this.#reader;
    if (badLines === 0 || this.task.mode === "best-effort") return;
    throw new Ended("refused", `${badLines} bad lines: nothing was written`);
  }

  async #writeSome(): Promise<void> {
    const isAtOnce = "writeAll" in this.store;
    const held = new Held(isAtOnce ? MOST_ROWS : BATCH);
    for await (const rows of this.#rows()) {
      const parts = isAtOnce ? [rows] : rows.map((row) => [row]);
      for (const part of parts) {
        this.#hold(held, part);
        const isFull = isAtOnce ? held.isFull : held.mappings.size >= BATCH;
        if (!isFull) continue;
        await this.#writeGood(held);
        held.clear();
      }
    }
    await this.#writeGood(held);
  }

  /** A mapping that the store refuses counts as a bad line; one that it refuses all of ends the import. */
  async #writeGood(held: Held): Promise<void> {
    const { store } = this;
    const { mappings } = held;
    if (mappings.size === 0) return;
    if ("writeAll" in store) return await this.#writeAtOnce(store, mappings);
    this.#note(mappings.keys());
    const refusal = await this.#writeHalves(store, [...mappings], held);
    if (refusal !== null) throw failed(refusal);
  }

  /**
   * Where the store refuses these together, half of them at a time, down to those that it refuses. Answers
   * why where it refuses all.
   */
  async #writeHalves(
    store: StoreOfBatches,
    rows: readonly (readonly [string, string])[],
    held: Held,
  ): Promise<StoreError | null> {
    try {
      await store.write(new Map(rows));
      this.#written += rows.length;
      return null;
    } catch (error) {
      if (!isRefusal(error)) throw failed(error);
      const [[identifier] = [""], ...others] = rows;
      if (others.length === 0) {
        this.#reader.bad(held.lineOf(identifier), error.message);
        return error;
      }
    }
    const middle = rows.length >>> 1;
    const first = await this.#writeHalves(store, rows.slice(0, middle), held);
    const second = await this.#writeHalves(store, rows.slice(middle), held);
    return first && second;
  }

  /** All or none. */
  async #write(mappings: ReadonlyMap<string, string>): Promise<void> {
    const { store } = this;
    if (mappings.size === 0) return;
    if ("writeAll" in store) await this.#writeAtOnce(store, mappings);
    else await this.#writeOrPutBack(store, mappings);
  }

  async #writeAtOnce(
    store: StoreAtOnce,
    mappings: ReadonlyMap<string, string>,
  ): Promise<void> {
    if (
      store.size !== undefined && store.size + mappings.size > MOST_IN_MEMORY
    ) {
      throw new Ended(
        "refused",
        `the mapping store holds its mappings in memory, and would have more than ${MOST_IN_MEMORY}`,
      );
    }
    try {
      await store.writeAll(mappings, {
        rest: "keep",
        settle: (changing) => Promise.resolve(this.#note(changing.keys())),
      });
    } catch (error) {
      throw failed(error);
    }
    this.#written += mappings.size;
  }

  async #writeOrPutBack(
    store: StoreOfBatches,
    mappings: ReadonlyMap<string, string>,
  ): Promise<void> {
    const ground = storeGround({ store }, this.clock);
    const undo = new PackedMap<string | null>(mappings.size);
    try {
      for (const batch of batchesOf(mappings)) {
        const before = await ground.read([...batch.keys()]);
        const changed = new Map(
          [...before].filter(([account, was]) => was !== batch.get(account)),
        );
        if (changed.size > 0) {
          for (const [account, was] of changed) undo.set(account, was);
          this.#note(changed.keys());
          await ground.write(
            new Map(
              [...changed.keys()].map((each) => [each, batch.get(each)!]),
            ),
          );
        }
        this.#written += batch.size;
      }
    } catch (error) {
      let left = 0;
      for (const before of batchesOf(undo)) {
        const wanted = new Map(
          [...before.keys()].map((each) => [each, mappings.get(each)!]),
        );
        for (
          const { result } of (await putBack(ground, before, wanted)).values()
        ) {
          if (result === "unknown") left++;
        }
      }
      this.#written = left;
      const rest = left === 0
        ? "what was written is put back"
        : `what was written is put back, but for ${left} accounts that may have the new mapping`;
      throw new Ended("failed", `${(error as Error).message}; ${rest}`);
    }
  }

  #hold(held: Held, rows: readonly ReadRow[]): void {
    for (const row of rows) {
      if (held.put(row)) this.#accounts++;
      else this.#repeated++;
    }
  }

  #note(accounts: Iterable<string>): void {
    for (const account of accounts) {
      if (this.#changed === null) return;
      if (this.#changed.length < MOST_FORGOTTEN) this.#changed.push(account);
      else this.#changed = null;
    }
  }

  #rows(): AsyncGenerator<ReadRow[]> {
    return this.#reader.read(brokenOff(this.body));
  }
}

/** Rows that are to be written together; of rows for the same account the last one counts. */
class Held {
  mappings: PackedMap<string>;
  readonly #lines = new Map<string, number>();
  #characters = 0;

  constructor(private readonly expected = MOST_ROWS) {
    this.mappings = new PackedMap(expected);
  }

  /** False where the account was there already. */
  put({ identifier, destination, line }: ReadRow): boolean {
    const { size } = this.mappings;
    this.mappings.set(identifier, destination);
    // Only small batches are asked for them.
    if (size < BATCH) this.#lines.set(identifier, line);
    if (this.mappings.size === size) return false;
    this.#characters += identifier.length;
    return true;
  }

  /** Where a row of a small batch stood. */
  lineOf(identifier: string): number {
    return this.#lines.get(identifier) ?? 0;
  }

  get isFull(): boolean {
    return this.mappings.size >= MOST_ROWS ||
      this.#characters >= MOST_CHARACTERS;
  }

  clear(): void {
    this.mappings = new PackedMap(this.expected);
    this.#lines.clear();
    this.#characters = 0;
  }
}

/** A copy of all of them at once would hold everybody else up for as long as it takes. */
function* batchesOf<T>(
  mappings: Iterable<readonly [string, T]>,
): Generator<Map<string, T>> {
  let batch = new Map<string, T>();
  for (const [identifier, destination] of mappings) {
    batch.set(identifier, destination);
    if (batch.size < BATCH) continue;
    yield batch;
    batch = new Map();
  }
  if (batch.size > 0) yield batch;
}

/** The same; what it throws is BrokenOff. */
async function* brokenOff(
  body: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  try {
    yield* body;
  } catch (error) {
    throw new BrokenOff(error instanceof Error ? error.message : "");
  }
}

/** The store was asked, and does not take this. */
function isRefusal(error: unknown): error is StoreError {
  return error instanceof StoreError &&
    (error.code === "write-failed" || error.code === "unstorable");
}

function failed(error: unknown): unknown {
  const told = storeFailure(error);
  return told instanceof ControlError
    ? new Ended("failed", told.message)
    : error;
}
