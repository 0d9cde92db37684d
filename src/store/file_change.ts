import type { FileTable } from "./file_table.ts";
import { PackedMap } from "./packed_map.ts";
import { replaceFile } from "./replace_file.ts";
import { type Piece, SortedRows } from "./sorted_rows.ts";
import { StoreError, type WriteAll } from "./store.ts";
import { Turns } from "./turns.ts";
import { unreadableWord } from "./words.ts";

/** Told of each piece of the new table as soon as it is made, whether it was in the old one or not. */
export type PieceMade = (piece: Piece) => Promise<void> | null;

/**
 * The table that these mappings make of the one in a mapping file, which is replaced by it. Null where
 * nothing changes. Throws StoreError; the file is as it was then.
 */
export async function mergeAll(
  path: string,
  table: FileTable,
  mappings: ReadonlyMap<string, string>,
  { rest, settle }: WriteAll,
  made?: PieceMade,
): Promise<FileTable | null> {
  const turns = new Turns();
  const { rows } = table;
  const delta = new PackedMap<string | null>(mappings.size);
  for (const [identifier, destination] of mappings) {
    mustBeStorable(identifier, destination);
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
  if (delta.size === 0) return null;
  return await changeFile(path, table, delta, () => settle(delta), made);
}

/** The same for changes that are changes all of them. */
export async function changeFile(
  path: string,
  { rows, stamp }: FileTable,
  delta: PackedMap<string | null>,
  settle?: () => Promise<void>,
  made?: PieceMade,
): Promise<FileTable> {
  const pieces: Piece[] = [];
  const changed = rows.changed(await delta.sorted());
  const bytes = bytesOf(changed, async (piece) => {
    pieces.push(piece);
    await made?.(piece);
  });
  const now = await replaceFile(path, stamp, bytes, settle);
  return { rows: new SortedRows(pieces), stamp: now, warnings: [] };
}

async function* bytesOf(
  pieces: AsyncIterable<Piece>,
  made: (piece: Piece) => Promise<void>,
): AsyncGenerator<Uint8Array> {
  const encoder = new TextEncoder();
  const turns = new Turns();
  for await (const piece of pieces) {
    await made(piece);
    yield encoder.encode(piece.text);
    // A write that is done at once leaves nobody a turn.
    await turns.look();
  }
}

/** Throws StoreError("unstorable"). */
export function mustBeStorable(identifier: string, destination: string): void {
  const wrong = unreadable("identifier", identifier) ??
    unreadable("destination", destination);
  if (wrong !== null) throw new StoreError("unstorable", wrong);
}

/** Why a line of a mapping file with this word in it would be read back as something else, or null. */
export function unreadable(what: string, word: string): string | null {
  if (word.startsWith("#")) {
    return `a mapping file cannot hold an ${what} that begins with #`;
  }
  // `trim` and the split take the same characters as \s, a byte order mark among them.
  if (/\s/.test(word)) {
    return `a mapping file cannot hold white space in an ${what}`;
  }
  return unreadableWord(what, word);
}
