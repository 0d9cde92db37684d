import { ControlError } from "../api.ts";
import type { Destinations } from "../api_moves.ts";
import type { StateDir } from "../state_dir.ts";

/** One account of a change, with what its names were mapped to before. */
export interface KeptAccount {
  readonly identifier: string;
  /** Of those names that were changed. */
  readonly before: Destinations;
}

/** A move, as it is needed to undo it. */
export interface KeptChange {
  readonly id: string;
  /** RFC 3339, UTC. */
  readonly at: string;
  readonly by: string;
  readonly destination: string;
  readonly accounts: readonly KeptAccount[];
  readonly undone: boolean;
}

/** How many changes are kept, and how many names all of them may have together. */
const MOST_CHANGES = 1000;
const MOST_NAMES = 200_000;

const INDEX = "moves.json";

/**
 * The last changes, the oldest first: in memory, and where there is a state folder each in a file of its
 * own there. Methods throw ControlError("failed") where that folder cannot be read or written.
 */
export class KeptChanges {
  readonly #changes = new Map<string, KeptChange>();
  #names = 0;
  #loaded: Promise<void> | null = null;
  /** The end of the chain of writes; never rejects. */
  #last: Promise<void> = Promise.resolve();

  constructor(
    private readonly state: Pick<StateDir, "read" | "write" | "remove">,
  ) {}

  /** Durable when it resolves. The oldest go where there are too many. */
  keep(change: KeptChange): Promise<void> {
    return this.#inTurn(async () => {
      await this.state.write(fileOf(change.id), JSON.stringify(change));
      this.#put(change);
      const over: string[] = [];
      for (const [id, { accounts }] of this.#changes) {
        const isOver = this.#changes.size - over.length > MOST_CHANGES ||
          this.#names > MOST_NAMES;
        if (!isOver || id === change.id) break;
        over.push(id);
        this.#names -= namesOf(accounts);
      }
      for (const id of over) this.#changes.delete(id);
      await this.#writeIndex();
      for (const id of over) await this.state.remove(fileOf(id));
    });
  }

  /** It came to nothing. */
  forget(id: string): Promise<void> {
    return this.#inTurn(async () => {
      const change = this.#changes.get(id);
      if (change === undefined) return;
      this.#changes.delete(id);
      this.#names -= namesOf(change.accounts);
      await this.#writeIndex();
      await this.state.remove(fileOf(id));
    });
  }

  /** Undefined where it is not kept any more. */
  async find(id: string): Promise<KeptChange | undefined> {
    await this.#inTurn(() => Promise.resolve());
    return this.#changes.get(id);
  }

  #inTurn(act: () => Promise<void>): Promise<void> {
    const run = this.#last.then(async () => {
      this.#loaded ??= this.#load();
      await this.#loaded.catch((error) => {
        this.#loaded = null;
        throw error;
      });
      await act();
    });
    this.#last = run.catch(() => {});
    return run;
  }

  async #load(): Promise<void> {
    this.#changes.clear();
    this.#names = 0;
    const index = await this.state.read(INDEX);
    if (index === null) return;
    for (const id of parsed<readonly string[]>(INDEX, index)) {
      const text = await this.state.read(fileOf(id));
      // A crash can come between a file and its line in the index.
      if (text !== null) this.#put(parsed<KeptChange>(fileOf(id), text));
    }
  }

  #put(change: KeptChange): void {
    const known = this.#changes.get(change.id);
    if (known !== undefined) this.#names -= namesOf(known.accounts);
    this.#names += namesOf(change.accounts);
    this.#changes.set(change.id, change);
  }

  #writeIndex(): Promise<void> {
    return this.state.write(INDEX, JSON.stringify([...this.#changes.keys()]));
  }
}

function fileOf(id: string): string {
  return `move-${id}.json`;
}

function namesOf(accounts: readonly KeptAccount[]): number {
  return accounts.reduce(
    (sum, { before }) => sum + Object.keys(before).length,
    0,
  );
}

function parsed<T>(name: string, text: string): T {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ControlError(
      "failed",
      `cannot read ${name} of the state folder: ${(error as Error).message}`,
    );
  }
}
