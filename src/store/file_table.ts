import { type FileStamp, stampOf } from "./replace_file.ts";
import {
  type Line,
  LineSplitter,
  TOO_LONG,
  TOO_LONG_LINE,
} from "./rows/lines.ts";
import { PackedMap } from "./packed_map.ts";
import { type Piece, PieceMaker, SortedRows } from "./sorted_rows.ts";
import { StoreError } from "./store.ts";

/** The content of a mapping file. */
export interface FileTable {
  readonly rows: SortedRows;
  readonly stamp: FileStamp;
  readonly warnings: readonly string[];
}

export interface ParseRules {
  /** The form in which identifiers are looked up; a line in another form could never match. */
  readonly normalize: (identifier: string) => string;
  /** What is wrong with a destination, or null. Asked once for each name. */
  readonly checkDestination: (destination: string) => string | null;
}

const REPORTED = 20;
const CHUNK = 64 * 1024;

/**
 * Read a mapping file: identifier, white space, destination on each line; empty lines and what
 * follows a `#` at the start of a word are ignored; CRLF and a byte order mark are tolerated. Of
 * lines for the same identifier the last one counts. The file is read in pieces, with the event
 * loop free between them. Throws StoreError "unavailable" or "bad-data" (with every bad line, up to
 * a bound).
 */
export async function readTable(
  path: string,
  rules: ParseRules,
): Promise<FileTable> {
  const parser = new TableParser(path, rules);
  let stamp: FileStamp;
  try {
    using file = await Deno.open(path);
    stamp = stampOf(await file.stat());
    const lines = new LineSplitter();
    const buffer = new Uint8Array(CHUNK);
    for (;;) {
      const count = await file.read(buffer);
      if (count === null) break;
      for (const line of lines.push(buffer.subarray(0, count))) {
        parser.take(line);
      }
    }
    for (const line of lines.finish()) parser.take(line);
  } catch (error) {
    const cause = error instanceof Error ? error.message : String(error);
    throw new StoreError(
      "unavailable",
      `cannot read ${path}: ${cause}`,
      undefined,
      { cause: error },
    );
  }
  return { ...await parser.finish(), stamp };
}

class TableParser {
  /** Those in front of the first that is not in ascending order, in pieces; then that one and all behind it. */
  #pieces: Piece[] = [];
  #maker = new PieceMaker();
  #last = "";
  #unsorted: { before: SortedRows; entries: PackedMap<string> } | null = null;
  #destinations = new Map<string, string>();
  #problems: string[] = [];
  #problemCount = 0;
  #repeated = 0;
  #firstRepeated = "";
  #line = 0;

  constructor(readonly path: string, readonly rules: ParseRules) {}

  async finish(): Promise<Omit<FileTable, "stamp">> {
    if (this.#problemCount > 0) {
      const more = this.#problemCount - this.#problems.length;
      if (more > 0) {
        this.#problems.push(`${this.path}: ${more} more bad lines`);
      }
      throw new StoreError(
        "bad-data",
        this.#problems.join("; "),
        this.#problems,
      );
    }
    const warnings = this.#repeated === 0 ? [] : [
      `${this.path}: ${this.#repeated} lines repeat an identifier with another destination, the last one counts (first: ${this.#firstRepeated})`,
    ];
    return { rows: await this.#rows(), warnings };
  }

  take(line: Line): void {
    this.#line++;
    if (line === TOO_LONG) return this.#problem(TOO_LONG_LINE);
    const words = line.trim().split(/\s+/);
    const first = words[0] as string;
    if (first === "" || first.startsWith("#")) return;
    if (line.includes("\uFFFD")) return this.#problem("not valid UTF-8");
    if (line.includes("\0")) return this.#problem("a NUL byte");
    const second = words[1];
    if (second === undefined || second.startsWith("#")) {
      return this.#problem("no destination behind the identifier");
    }
    if (words[2] !== undefined && !words[2].startsWith("#")) {
      return this.#problem("more than an identifier and a destination");
    }
    const destination = this.#intern(second);
    if (destination !== null) this.#put(first, destination);
  }

  #put(written: string, destination: string): void {
    const identifier = this.rules.normalize(written);
    if (this.#unsorted === null) {
      if (identifier > this.#last) {
        this.#last = identifier;
        this.#maker.add(identifier, destination);
        if (this.#maker.isFull) this.#pieces.push(this.#maker.take());
        return;
      }
      const before = new SortedRows(this.#allPieces());
      this.#unsorted = { before, entries: new PackedMap() };
    }
    const { before, entries } = this.#unsorted;
    const was = entries.get(identifier) ?? before.get(identifier);
    if (was !== null && was !== destination) {
      this.#firstRepeated ||= `line ${this.#line}`;
      this.#repeated++;
    }
    entries.set(identifier, destination);
  }

  async #rows(): Promise<SortedRows> {
    if (this.#unsorted === null) return new SortedRows(this.#allPieces());
    const { before, entries } = this.#unsorted;
    const pieces = before.changed(await entries.sorted());
    return new SortedRows(await Array.fromAsync(pieces));
  }

  #allPieces(): Piece[] {
    return [...this.#pieces, ...this.#maker.rest()];
  }

  #intern(destination: string): string | null {
    const known = this.#destinations.get(destination);
    if (known !== undefined) return known;
    const wrong = this.rules.checkDestination(destination);
    if (wrong !== null) {
      this.#problem(wrong);
      return null;
    }
    this.#destinations.set(destination, destination);
    return destination;
  }

  #problem(text: string): void {
    this.#problemCount++;
    if (this.#problems.length < REPORTED) {
      this.#problems.push(`${this.path}:${this.#line}: ${text}`);
    }
  }
}
