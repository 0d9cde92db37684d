import { mergeAll, unreadable } from "../../store/file_change.ts";
import type { FileTable } from "../../store/file_table.ts";
import { type Piece, SortedRows } from "../../store/sorted_rows.ts";
import type { MappingStore, WriteAll } from "../../store/store.ts";
import type { Port } from "../../port/port.ts";
import type { ImportAsks, LentFile } from "./import_messages.ts";

/** So many pieces cross at once: little enough to hold nobody up. */
const AT_ONCE = 16;

/**
 * The control plane's mapping file in the thread of an import, which does all the work of a large change. The
 * table crosses before the change, and what is new of the next one while that is written.
 */
export class LentFileStore
  implements Required<Pick<MappingStore, "writeAll" | "size" | "unstorable">> {
  constructor(
    readonly owner: Pick<
      Port<ImportAsks, unknown, Record<never, never>, unknown>,
      "call"
    >,
    public size: number,
  ) {}

  unstorable(identifier: string): string | null {
    return unreadable("identifier", identifier);
  }

  async writeAll(
    mappings: ReadonlyMap<string, string>,
    how: WriteAll,
  ): Promise<void> {
    const { owner } = this;
    const file = await owner.call("lend", null);
    let written: FileTable | null = null;
    try {
      const { table, numbers } = await this.#read(file);
      let waiting: (Piece | number)[] = [];
      const send = async () => {
        const some = waiting;
        waiting = [];
        await owner.call("made", some);
      };
      const settle: WriteAll["settle"] = async (changing) => {
        await send();
        await how.settle(changing);
      };
      written = await mergeAll(
        file.path,
        table,
        mappings,
        { ...how, settle },
        (piece) => {
          waiting.push(numbers.get(piece) ?? piece);
          return waiting.length < AT_ONCE ? null : send();
        },
      );
    } finally {
      await owner.call("giveBack", written && written.stamp);
    }
    // A best-effort import writes more than once.
    if (written) this.size = written.rows.size;
  }

  async #read({ pieces, stamp }: LentFile) {
    const all: Piece[] = [];
    while (all.length < pieces) {
      all.push(...await this.owner.call("pieces", { from: all.length }));
    }
    const rows = new SortedRows(all);
    const numbers = new Map(all.map((piece, i) => [piece, i]));
    return { table: { rows, stamp, warnings: [] }, numbers };
  }
}

/** The pieces that cross together. */
export function somePieces(
  pieces: readonly Piece[],
  from: number,
): readonly Piece[] {
  return pieces.slice(from, from + AT_ONCE);
}
