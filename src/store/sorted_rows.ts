import { firstWhere } from "./sorting.ts";
import type { Mapping, MappingPage } from "./store.ts";
import { Turns } from "./turns.ts";

/** Rows of a new piece. What changes leave of an old one may be fewer or more, by so many. */
const ROWS = 1024;
const FEW = 256;

const TAB = 9;

/** Some rows as they stand in a mapping file. */
export interface Piece {
  readonly text: string;
  /** Where each row begins in the text. */
  readonly starts: Uint32Array;
  /** The destinations in it, each once. */
  readonly names: readonly string[];
}

/**
 * Rows in ascending order of their identifiers, as some long strings: a million small ones would have to be
 * walked through by each collection of V8's heap. Never changes; what is made of it by changes shares the
 * pieces in which nothing has changed.
 */
export class SortedRows {
  readonly size: number;

  constructor(readonly pieces: readonly Piece[]) {
    this.size = pieces.reduce((sum, { starts }) => sum + starts.length, 0);
  }

  get(identifier: string): string | null {
    const { piece, row } = this.#find(
      (each, row) => compare(each, row, identifier) >= 0,
    );
    if (!piece || compare(piece, row, identifier) !== 0) return null;
    return destinationOf(piece, row);
  }

  /** At most `limit` rows behind `after`, or from the start. */
  page(after: string | null, limit: number): MappingPage {
    const mappings: Mapping[] = [];
    let { at, row } = this.#find((piece, row) =>
      after === null || compare(piece, row, after) > 0
    );
    for (; at < this.pieces.length; at++, row = 0) {
      const piece = this.pieces[at]!;
      for (; row < piece.starts.length; row++) {
        if (mappings.length === limit) {
          return { mappings, next: mappings.at(-1)!.identifier };
        }
        mappings.push(mappingOf(piece, row));
      }
    }
    return { mappings, next: null };
  }

  *all(): Generator<Mapping> {
    for (const piece of this.pieces) {
      for (let row = 0; row < piece.starts.length; row++) {
        yield mappingOf(piece, row);
      }
    }
  }

  /** The destinations of all of them, each once. */
  names(): Set<string> {
    return new Set(this.pieces.flatMap(({ names }) => names));
  }

  /** The pieces with these changes, in turns. Null: the row is gone. `changes` ascend as the rows do. */
  async *changed(
    changes: Iterator<readonly [string, string | null]>,
  ): AsyncGenerator<Piece> {
    const turns = new Turns();
    const maker = new PieceMaker();
    let change = changes.next();
    const make = () => {
      const [identifier, destination] = change.value;
      if (destination !== null) maker.add(identifier, destination);
      change = changes.next();
    };
    for (const [at, piece] of this.pieces.entries()) {
      const following = this.pieces[at + 1];
      const isSame = change.done ||
        following && compare(following, 0, change.value[0]) <= 0;
      if (maker.isEmpty && isSame) {
        yield piece;
        continue;
      }
      for (let row = 0; row < piece.starts.length; row++) {
        const { identifier, destination } = mappingOf(piece, row);
        while (!change.done && change.value[0] < identifier) {
          make();
          if (maker.isFull) yield maker.take();
          const pause = turns.step();
          if (pause) await pause;
        }
        if (!change.done && change.value[0] === identifier) make();
        else maker.add(identifier, destination);
        if (maker.isFull) yield maker.take();
        const pause = turns.step();
        if (pause) await pause;
      }
      // One more row does not move all that follow into other pieces.
      if (maker.isEnough) yield maker.take();
    }
    while (!change.done) {
      make();
      if (maker.isFull) yield maker.take();
      const pause = turns.step();
      if (pause) await pause;
    }
    yield* maker.rest();
  }

  /** The first row for which this is true, where it is true for all behind one. */
  #find(
    is: (piece: Piece, row: number) => boolean,
  ): { at: number; piece: Piece | undefined; row: number } {
    const at = firstWhere(this.pieces.length, (each) => {
      const piece = this.pieces[each]!;
      return is(piece, piece.starts.length - 1);
    });
    const piece = this.pieces[at];
    const row = piece
      ? firstWhere(piece.starts.length, (each) => is(piece, each))
      : 0;
    return { at, piece, row };
  }
}

/** Makes pieces of rows that come in ascending order. */
export class PieceMaker {
  #rows: string[] = [];
  #names: string[] = [];

  get isEmpty(): boolean {
    return this.#rows.length === 0;
  }

  get isEnough(): boolean {
    return this.#rows.length >= FEW;
  }

  get isFull(): boolean {
    return this.#rows.length >= ROWS + FEW;
  }

  add(identifier: string, destination: string): void {
    this.#rows.push(`${identifier}\t${destination}\n`);
    this.#names.push(destination);
  }

  /** As many rows as a piece has, or all where they are not much more. */
  take(): Piece {
    const count = this.isFull ? ROWS : this.#rows.length;
    const rows = this.#rows.splice(0, count);
    const names = this.#names.splice(0, count);
    const starts = new Uint32Array(count);
    for (let i = 1; i < count; i++) {
      starts[i] = starts[i - 1]! + rows[i - 1]!.length;
    }
    return { text: rows.join(""), starts, names: [...new Set(names)] };
  }

  /** What is left at the end. */
  *rest(): Generator<Piece> {
    if (!this.isEmpty) yield this.take();
  }
}

/** Below zero where the identifier of the row comes before this one, zero where it is this one. */
function compare(
  { text, starts }: Piece,
  row: number,
  identifier: string,
): number {
  const start = starts[row]!;
  for (let i = 0; i < identifier.length; i++) {
    const code = text.charCodeAt(start + i);
    if (code === TAB) return -1;
    const difference = code - identifier.charCodeAt(i);
    if (difference !== 0) return difference;
  }
  return text.charCodeAt(start + identifier.length) === TAB ? 0 : 1;
}

function identifierOf({ text, starts }: Piece, row: number): string {
  const start = starts[row]!;
  return text.slice(start, text.indexOf("\t", start));
}

/** The same string for each row that has it: a part of the text would keep all of the text. */
function destinationOf({ text, starts, names }: Piece, row: number): string {
  const start = text.indexOf("\t", starts[row]) + 1;
  const end = text.indexOf("\n", start);
  return names.find((name) =>
    name.length === end - start && text.startsWith(name, start)
  )!;
}

function mappingOf(piece: Piece, row: number): Mapping {
  return {
    identifier: identifierOf(piece, row),
    destination: destinationOf(piece, row),
  };
}
