import type { Handlers } from "../../port/port.ts";
import type { FileStamp } from "../../store/replace_file.ts";
import { type Piece, SortedRows } from "../../store/sorted_rows.ts";
import type { MappingStore } from "../../store/store.ts";
import type { ImportAsks, LentFile } from "./import_messages.ts";
import { somePieces } from "./lent_file.ts";

type FileAsks = Pick<ImportAsks, "lend" | "pieces" | "made" | "giveBack">;

/** Lends the mapping file to the thread of an import. */
export class Lending {
  #old: readonly Piece[] = [];
  #made: Piece[] = [];
  /** Destinations that the rows of new pieces name. */
  #named = new Set<string>();
  /** Resolves with what the file looks like since it was replaced, or null. */
  #back = Promise.withResolvers<FileStamp | null>();
  #rewriting: Promise<void> = Promise.resolve();

  /** `fault`: what is wrong with a destination now, or null. */
  constructor(
    private readonly store: Pick<MappingStore, "rewrite">,
    private readonly fault: (destination: string) => string | null,
  ) {}

  readonly handlers: Handlers<FileAsks> = {
    lend: () => this.#lend(),
    pieces: ({ from }) => somePieces(this.#old, from),
    made: (pieces) => {
      for (const each of pieces) {
        if (typeof each === "number") this.#made.push(this.#old[each]!);
        else {
          this.#made.push(each);
          for (const name of each.names) this.#named.add(name);
        }
      }
      // One may have been taken away since its rows were judged. No start would take the file then.
      for (const name of this.#named) {
        const wrong = this.fault(name);
        if (wrong !== null) throw new Error(wrong);
      }
      return null;
    },
    giveBack: async (stamp) => {
      this.#back.resolve(stamp);
      await this.#rewriting;
      return null;
    },
  };

  /** Whoever has borrowed it is gone. */
  end(): void {
    this.#back.resolve(null);
  }

  #lend(): Promise<LentFile> {
    const { promise: lent, resolve: lend } = Promise.withResolvers<LentFile>();
    this.#rewriting = this.store.rewrite!(async (path, { rows, stamp }) => {
      this.#old = rows.pieces;
      this.#made = [];
      this.#named = new Set();
      this.#back = Promise.withResolvers();
      lend({ path, stamp, pieces: rows.pieces.length });
      const now = await this.#back.promise;
      const next = new SortedRows(this.#made);
      this.#old = this.#made = [];
      return now && { rows: next, stamp: now, warnings: [] };
    });
    return lent;
  }
}
