import type { Config } from "../../config/schema.ts";
import {
  type Line,
  LineSplitter,
  TOO_LONG,
  TOO_LONG_LINE,
} from "../../store/rows/lines.ts";
import { isHead, readRow, type RowFormat } from "../../store/rows/formats.ts";
import type { Mapping, MappingStore } from "../../store/store.ts";
import { accountKey, mustBeStorable, mustBeTarget } from "../accounts.ts";
import { ControlError } from "../api.ts";
import type { BadLine } from "../api_bulk.ts";

const ROWS_AT_ONCE = 512;

/** So many bad lines are named. */
const MOST_NAMED = 100;

/** What is wrong with an identifier shows no more of a destination than this. */
const MOST_SHOWN = 64;

/** A mapping that the store can be given, and where it stood. */
export interface ReadRow extends Mapping {
  readonly line: number;
}

/** Reads and judges rows, and keeps what was wrong with them. */
export class RowsReader {
  lines = 0;
  badLines = 0;
  readonly errors: BadLine[] = [];
  #number = 0;
  /** Destinations that were found right in this configuration, by name: a million rows name a few. */
  #judged: { config: Config; names: Map<string, string> } | null = null;

  constructor(
    private readonly format: RowFormat,
    private readonly store: Pick<MappingStore, "unstorable">,
    private readonly config: () => Config,
  ) {}

  /** The good rows, some at a time. Throws what the stream throws. */
  async *read(stream: AsyncIterable<Uint8Array>): AsyncGenerator<ReadRow[]> {
    const splitter = new LineSplitter();
    let rows: ReadRow[] = [];
    for await (const bytes of stream) {
      for (const line of splitter.push(bytes)) {
        this.#take(line, rows);
        if (rows.length >= ROWS_AT_ONCE) {
          yield rows;
          rows = [];
        }
      }
    }
    for (const line of splitter.finish()) this.#take(line, rows);
    yield rows;
  }

  bad(line: number, reason: string): void {
    this.badLines++;
    if (this.errors.length < MOST_NAMED) this.errors.push({ line, reason });
  }

  #take(line: Line, rows: ReadRow[]): void {
    const number = ++this.#number;
    if (line === TOO_LONG) {
      this.lines++;
      return this.bad(number, TOO_LONG_LINE);
    }
    if (line.trim() === "" || number === 1 && isHead(this.format, line)) return;
    this.lines++;
    const row = readRow(this.format, line);
    if (typeof row === "string") return this.bad(number, row);
    try {
      const identifier = accountKey(this.config(), row.identifier);
      mustBeStorable(this.store, identifier);
      const destination = this.#judge(row.destination);
      rows.push({ identifier, destination, line: number });
    } catch (error) {
      if (!(error instanceof ControlError)) throw error;
      this.bad(number, error.message);
    }
  }

  /** The same string for each row that names it. */
  #judge(destination: string): string {
    const config = this.config();
    if (this.#judged?.config !== config) {
      this.#judged = { config, names: new Map() };
    }
    const { names } = this.#judged;
    let name = names.get(destination);
    if (name === undefined) {
      if (!Object.hasOwn(config.destination, destination)) {
        throw new ControlError(
          "unknown",
          `unknown destination ${
            JSON.stringify(destination.slice(0, MOST_SHOWN))
          }`,
        );
      }
      mustBeTarget(config, destination);
      name = destination;
      names.set(name, name);
    }
    return name;
  }
}
